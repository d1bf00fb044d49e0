"""The git repository of a workspace: made, committed to and asked about with fixed names and dates."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from yolopatch import git

_EXCLUDE = """\
/yolopatch.lock
__pycache__/
/runs/
/wandb/
*.pt
*.onnx
*.torchscript
*.cache
"""


def stamp(date: str) -> dict[str, str]:
    """Environment that makes a commit the same on every machine; `date` is YYYY-MM-DD, taken as UTC."""
    moment = f"{date}T00:00:00+0000"
    return {"GIT_AUTHOR_DATE": moment, "GIT_COMMITTER_DATE": moment}


@dataclass(frozen=True)
class Changes:
    """What differs from the last commit: tracked files that were changed or are gone, files that are new."""

    edited: tuple[str, ...]
    new: tuple[str, ...]


def create(folder: Path) -> None:
    """Make an empty repository in `folder`, on branch main.

    Its exclude list knows what training leaves behind, and its attributes turn off what a
    .gitattributes of upstream's may do to line endings: blobs are the bytes that were fetched.
    """
    git.run(["init", "--quiet", "--initial-branch=main", "."], cwd=folder)
    info = folder / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "exclude").write_text(_EXCLUDE, encoding="utf-8")
    (info / "attributes").write_text("* -text -filter -ident -working-tree-encoding\n", encoding="utf-8")


def commit_all(folder: Path, message: str, date: str, paths: tuple[str, ...] = (".",), *, empty: bool = False) -> str:
    """Commit everything below `paths`, ignored files too; the new commit's id. `empty` allows no change at all."""
    git.run(["add", "--all", "--force", "--", *paths], cwd=folder)
    words = ["--allow-empty"] if empty else []
    git.run(["commit", "--quiet", "--no-verify", *words, "--message", message], cwd=folder, env=stamp(date))
    return head(folder)


def head(folder: Path) -> str:
    """The id of the checked-out commit."""
    return str(git.run(["rev-parse", "HEAD"], cwd=folder).stdout).strip()


def tree(folder: Path, commit: str = "HEAD") -> str:
    """The id of a commit's tree."""
    return str(git.run(["rev-parse", f"{commit}^{{tree}}"], cwd=folder).stdout).strip()


def file_at(folder: Path, commit: str, path: str) -> str | None:
    """A file's text at a commit; None where there is none."""
    done = git.run(["cat-file", "blob", f"{commit}:{path}"], cwd=folder, check=False)
    return done.stdout if done.status == 0 else None


def hold(folder: Path, name: str, commit: str) -> None:
    """Keep a commit from git's garbage collection, under a name that no branch has."""
    git.run(["update-ref", f"refs/yolopatch/{name}", commit], cwd=folder)


def lock_name(folder: Path) -> str:
    """What the lock is called that whoever writes to `folder` holds."""
    return f"destination-{hashlib.sha256(str(folder).encode()).hexdigest()[:24]}"


def has_commit(folder: Path, commit: str) -> bool:
    """Whether `commit` is in the repository."""
    return git.run(["cat-file", "-e", f"{commit}^{{commit}}"], cwd=folder, check=False).status == 0


def commits_since(folder: Path, commit: str) -> tuple[str, ...] | None:
    """Subjects of the commits on top of `commit`, newest first; None where HEAD does not descend from it."""
    ancestor = git.run(["merge-base", "--is-ancestor", commit, "HEAD"], cwd=folder, check=False)
    if ancestor.status != 0:
        return None
    log = str(git.run(["log", "--format=%h %s", f"{commit}..HEAD"], cwd=folder).stdout)
    return tuple(line for line in log.splitlines() if line)


def changes(folder: Path) -> Changes:
    """Files that differ from HEAD. Files that .gitignore names (runs, caches) do not count."""
    out = str(git.run(["status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all"], cwd=folder).stdout)
    edited: list[str] = []
    new: list[str] = []
    for entry in filter(None, out.split("\0")):
        (new if entry.startswith("??") else edited).append(entry[3:])
    return Changes(tuple(sorted(edited)), tuple(sorted(new)))


def ignored(folder: Path) -> tuple[str, ...]:
    """Files and folders that .gitignore names and that are there (runs, weights), bytecode left out."""
    args = ["ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z"]
    out = str(git.run(args, cwd=folder).stdout)
    names = [name for name in out.split("\0") if name and name != "yolopatch.lock"]
    return tuple(sorted(name for name in names if "__pycache__" not in name))


def reset(folder: Path, commit: str) -> None:
    """Make HEAD, index and tracked files those of `commit`; untracked files stay."""
    git.run(["reset", "--hard", "--quiet", commit], cwd=folder)
