"""Carries commits onto another tree one by one, by git's own cherry-pick, and says where one does not merge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolopatch import git
from yolopatch.series.repository import head, reset, tree

Picked = Literal["carried", "empty", "conflict"]


@dataclass(frozen=True)
class Progress:
    """Where a pick stands that may have been killed."""

    conflict: bool
    """The files wait for the user."""
    done: bool


def pick(folder: Path, commit: str) -> Picked:
    """Carry `commit` onto HEAD; on a conflict its markers are in the files, as git leaves them.

    A commit whose change is there already leaves nothing, and says `empty`.
    """
    args = ["cherry-pick", "--allow-empty", "--keep-redundant-commits", "--strategy=ort", commit]
    before = head(folder)
    result = git.run(args, cwd=folder, check=False)
    if result.status != 0:
        if not _marked(folder):
            raise git.GitError(args, git.BytesResult(result.status, result.stdout.encode(), result.stderr))
        return "conflict"
    if tree(folder) == tree(folder, before):
        reset(folder, before)
        return "empty"
    return "carried"


def progress(folder: Path, before: str) -> Progress:
    """How far the pick onto `before` came."""
    return Progress(conflict=_marked(folder), done=not _marked(folder) and head(folder) != before)


def begin_anew(folder: Path, before: str) -> None:
    """Take away what a pick that was killed left behind."""
    (folder / ".git" / "index.lock").unlink(missing_ok=True)  # of a git that died: we hold the folder's lock
    git.run(["cherry-pick", "--quit"], cwd=folder, check=False)
    reset(folder, before)


def unmerged(folder: Path) -> tuple[str, ...]:
    """The files that have conflicts which are not resolved yet."""
    out = git.run(["diff", "--name-only", "--diff-filter=U", "-z"], cwd=folder).stdout
    return tuple(filter(None, out.split("\0")))


def unstaged(folder: Path) -> tuple[str, ...]:
    """Tracked files that were edited and not added."""
    out = git.run(["diff", "--name-only", "-z"], cwd=folder).stdout
    return tuple(filter(None, out.split("\0")))


def marked(folder: Path) -> tuple[str, ...]:
    """Files of the index that still have conflict markers."""
    out = git.run(["grep", "--cached", "-l", "-z", "-E", "^(<<<<<<< |>>>>>>> )"], cwd=folder, check=False).stdout
    return tuple(filter(None, out.split("\0")))


def go_on(folder: Path, before: str) -> Picked:
    """Commit what the user made of a conflict; `empty` where nothing is left of the patch."""
    if git.run(["diff", "--cached", "--quiet", "HEAD"], cwd=folder, check=False).status == 0:
        begin_anew(folder, before)
        return "empty"
    git.run(["-c", "core.commentChar=auto", "cherry-pick", "--continue"], cwd=folder)
    return "carried"


def _marked(folder: Path) -> bool:
    return (folder / ".git" / "CHERRY_PICK_HEAD").exists()
