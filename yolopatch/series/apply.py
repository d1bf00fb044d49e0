"""Applies an ordered list of patches: one commit a patch, by git am, 3-way when the context moved."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from yolopatch import git
from yolopatch.errors import CheckFailed
from yolopatch.series.patchfile import FileChange, Hunk, Patch
from yolopatch.series.repository import reset


def apply_patches(folder: Path, patches: Sequence[Patch]) -> None:
    """Commit every patch on top of HEAD of the repository `folder`.

    Author and dates come from the patches, so the same patches give the same commit ids.

    Raises:
        CheckFailed: a patch does not apply; `detail` shows the file, the hunk and what was found
            instead. The repository is left at the last commit that worked.
    """
    if not patches:
        return
    files = [str(patch.file.resolve()) for patch in patches]
    args = ["am", "--quiet", "--3way", "--committer-date-is-author-date", "--keep-cr", "--no-scissors", *files]
    result = git.run(args, cwd=folder, check=False)
    if result.status == 0:
        return
    done = _applied_count(folder)
    # The message needs the files as the failing patch saw them: stop here, and take a half-merged patch away.
    git.run(["am", "--quit"], cwd=folder)
    reset(folder, "HEAD")
    raise _failure(folder, patches[min(done, len(patches) - 1)], str(result.stderr))


def _applied_count(folder: Path) -> int:
    """How many patches git am had applied when it stopped."""
    counter = folder / ".git" / "rebase-apply" / "next"
    return int(counter.read_text().strip()) - 1 if counter.is_file() else 0


def _failure(folder: Path, patch: Patch, stderr: str) -> CheckFailed:
    for change in patch.changes:
        problem = _first_problem(folder, change)
        if problem is not None:
            return CheckFailed(
                f"the patch '{patch.subject}' ({patch.file.name}) does not apply: {problem[0]}", detail=problem[1]
            )
    reason = next((line for line in stderr.splitlines() if line.startswith(("error:", "fatal:"))), stderr.strip())
    return CheckFailed(f"the patch '{patch.subject}' ({patch.file.name}) does not apply: {reason}")


def _first_problem(folder: Path, change: FileChange) -> tuple[str, str | None] | None:
    target = folder / change.path
    if change.old is None:
        return (f"{change.path} is there already", None) if target.exists() else None
    if not target.is_file():
        return f"{change.path} is not in this upstream tree", None
    lines = target.read_bytes().decode("utf-8", errors="replace").split("\n")
    for number, hunk in enumerate(change.hunks, start=1):
        if _find(lines, hunk.before) is None:
            where = f"{change.path}, hunk {number} of {len(change.hunks)} (line {hunk.start})"
            return where, _compare(lines, hunk)
    return None


def _find(lines: list[str], wanted: tuple[str, ...]) -> int | None:
    span = len(wanted)
    return next((at for at in range(len(lines) - span + 1) if tuple(lines[at : at + span]) == wanted), None)


def _compare(lines: list[str], hunk: Hunk) -> str:
    """What the hunk expects beside the lines that are most like it."""
    at = _best_place(lines, hunk)
    found = lines[at : at + len(hunk.before)]
    expected = "\n".join(f"    | {line}" for line in hunk.before)
    instead = "\n".join(f"{at + number:>4}| {line}" for number, line in enumerate(found, start=1))
    return f"the hunk expects:\n{expected}\nfound instead:\n{instead}"


def place_like(lines: list[str], hunk: Hunk) -> tuple[int, int]:
    """The lines that are most like what `hunk` looks for: number of the first, from 1, and how many."""
    start = _best_place(lines, hunk) + 1
    return start, max(1, min(len(hunk.before), len(lines) - start + 1))


def _best_place(lines: list[str], hunk: Hunk) -> int:
    words = [frozenset(re.findall(r"\w+", line)) for line in hunk.before]
    have = [frozenset(re.findall(r"\w+", line)) for line in lines]
    last = max(len(lines) - len(words), 0)

    def likeness(at: int) -> tuple[int, int]:
        shared = sum(len(a & b) for a, b in zip(words, have[at : at + len(words)], strict=False))
        return shared, -abs(at + 1 - hunk.start)

    return max(range(last + 1), key=likeness)
