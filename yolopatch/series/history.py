"""The commits of a workspace as they stand now: one line of them, from upstream's tree to HEAD."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolopatch import git

# What git leaves in its folder while a command of several steps waits for the user. A rebase that
# stops leaves CHERRY_PICK_HEAD as well, so it stands first.
_MARKS = (
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("MERGE_HEAD", "merge"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("sequencer", "cherry-pick"),
)
_AUTOSQUASH = ("fixup! ", "squash! ", "amend! ")
_FIELDS = ("%H", "%T", "%P", "%an <%ae> %ad", "%s")


@dataclass(frozen=True)
class Commit:
    """One commit, and what it changes against its parent."""

    id: str
    tree: str
    parents: tuple[str, ...]
    stamp: str
    """Author and author date, which amending and rebasing keep."""
    subject: str
    changes: str
    """The changed files with modes and blob ids, as git diff-tree lists them."""
    paths: frozenset[str]

    @property
    def parent(self) -> str:
        """The commit below."""
        return self.parents[0]

    @property
    def shown(self) -> str:
        """How messages call it."""
        return f"{self.id[:7]} '{self.subject}'"

    @property
    def to_be_squashed(self) -> bool:
        """Whether it waits for git rebase --autosquash."""
        return self.subject.startswith(_AUTOSQUASH)


def under_way(folder: Path) -> str | None:
    """The git command of several steps that is not finished in the repository; None where there is none."""
    place = Path(str(git.run(["rev-parse", "--absolute-git-dir"], cwd=folder).stdout).strip())
    return next((what for mark, what in _MARKS if (place / mark).exists()), None)


def descends(folder: Path, base: str, tip: str = "HEAD") -> bool:
    """Whether `tip` has `base` in its history."""
    return git.run(["merge-base", "--is-ancestor", base, tip], cwd=folder, check=False).status == 0


def commits_between(folder: Path, base: str, tip: str = "HEAD") -> tuple[Commit, ...]:
    """The commits on top of `base` up to `tip`, oldest first, with those of merged branches."""
    # NUL is the one character that no subject can hold.
    form = "%x00".join(_FIELDS)
    args = ["log", "-z", "--reverse", "--topo-order", "--no-show-signature", "--date=raw", f"--format={form}"]
    fields = git.run([*args, f"{base}..{tip}"], cwd=folder).stdout.split("\0")
    step = len(_FIELDS)
    return tuple(_commit(folder, *fields[at : at + step]) for at in range(0, len(fields) - step + 1, step))


def _commit(folder: Path, identity: str, tree: str, parents: str, stamp: str, subject: str) -> Commit:
    first = parents.split(" ")[0]
    changes = git.run(["diff-tree", "-r", "--raw", "-z", "--no-renames", first, identity], cwd=folder).stdout
    # With -z: facts, path, facts, path, ...
    return Commit(
        identity, tree, tuple(parents.split(" ")), stamp, subject, changes, frozenset(changes.split("\0")[1::2])
    )
