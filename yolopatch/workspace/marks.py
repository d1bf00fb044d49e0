"""Small files in a workspace's .git that tell how far a command came."""

from __future__ import annotations

import json
from pathlib import Path

from yolopatch.workspace.lock import LOCK_NAME

# Stands while a revert is under way, so that one that was killed can be run again:
# the half-reverted tree would otherwise look like edits of the user.
REVERTING = "yolopatch-reverting"
# Left behind by a revert, so that a later apply knows whose folder this is.
_REVERTED = "yolopatch-reverted"
# Names the user's own files in a folder that is being replaced: they move to its successor.
_KEEP = "yolopatch-keep"


def mark_reverted(folder: Path, base: str) -> None:
    """Remember the pristine commit of a workspace that was reverted."""
    (folder / ".git" / _REVERTED).write_text(base + "\n", encoding="utf-8")


def reverted_base(folder: Path) -> str | None:
    """The pristine commit of a workspace that was reverted; None where `folder` is none."""
    mark = folder / ".git" / _REVERTED
    if not mark.is_file() or (folder / LOCK_NAME).exists():
        return None
    return mark.read_text(encoding="utf-8").strip()


def mark_kept(folder: Path, names: tuple[str, ...]) -> None:
    """Name what must survive when `folder` is replaced."""
    (folder / ".git" / _KEEP).write_text(json.dumps(names), encoding="utf-8")


def move_kept(old: Path, new: Path) -> None:
    """Move what `mark_kept` named from a replaced folder to its successor, where that has no file of its own."""
    mark = old / ".git" / _KEEP
    if not mark.is_file():
        return
    for name in json.loads(mark.read_text(encoding="utf-8")):
        source, target = old / name, new / name
        if source.exists() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
