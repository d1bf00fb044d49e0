"""What stands at a destination, and whether apply may write there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolopatch.errors import RequestError
from yolopatch.workspace.lock import LOCK_NAME, Inputs, Lock


@dataclass(frozen=True)
class Status:
    """A workspace compared with its lock."""

    lock: Lock
    edited: tuple[str, ...]
    """Tracked files that were changed or deleted since apply."""
    new: tuple[str, ...]
    """Files that are not tracked and not ignored."""
    commits: tuple[str, ...]
    """The user's own commits on top, newest first."""
    rewritten: bool
    """HEAD does not descend from the commit that apply made."""

    @property
    def clean(self) -> bool:
        """Whether nothing that is tracked differs from what apply made."""
        return not (self.edited or self.commits or self.rewritten)

    def describe(self, *, new: bool = True) -> str:
        """What differs, in a few words; `new` files too."""
        parts = []
        if self.rewritten:
            parts.append("its history was rewritten")
        if self.commits:
            parts.append(f"{len(self.commits)} commit{'s' * (len(self.commits) > 1)} of yours")
        if self.edited:
            parts.append(f"{len(self.edited)} file{'s' * (len(self.edited) > 1)} edited: {_some(self.edited)}")
        if self.new and new:
            parts.append(f"{len(self.new)} new file{'s' * (len(self.new) > 1)}: {_some(self.new)}")
        return "; ".join(parts) or "clean"


def is_free(destination: Path) -> bool:
    """Whether nothing stands at `destination` (an empty folder counts as nothing).

    Raises:
        RequestError: a file or something that is no workspace stands there.
    """
    if destination.is_symlink() and not destination.exists():
        raise RequestError(f"{destination} is a broken link; remove it or choose another --dest")
    if not destination.exists():
        return True
    if not destination.is_dir():
        raise RequestError(f"{destination} is a file; choose another --dest")
    if not any(destination.iterdir()):
        return True
    if not (destination / LOCK_NAME).is_file():
        raise RequestError(f"{destination} exists and is no workspace of yolopatch; choose another --dest")
    return False


def differences(lock: Lock, wanted: Inputs) -> tuple[str, ...]:
    """The inputs in which an existing workspace differs from what is asked for now."""
    have = lock.inputs.model_dump()
    want = wanted.model_dump()
    return tuple(f"{key} {_short(have[key])}" for key in want if have[key] != want[key])


def _short(value: object) -> str:
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, dict) and "origin" in value:
        return f"{value['origin']}"
    return "changed"


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown}, ..."
