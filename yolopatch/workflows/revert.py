"""Takes everything out of a workspace that apply put in."""

from __future__ import annotations

from pathlib import Path

from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.series import repository
from yolopatch.workflows.status import inspect
from yolopatch.workspace.lock import LOCK_NAME, Lock, read_lock

# Stands while a revert is under way, so that one that was killed can be run again:
# the half-reverted tree would otherwise look like edits of the user.
_MARK = "yolopatch-reverting"
# Left behind by a revert, so that a later apply knows whose folder this is.
_REVERTED = "yolopatch-reverted"


def revert(workspace: Path, *, force: bool, reporter: Reporter) -> Lock:
    """Reset the workspace to its pristine commit and take its lock away. Untracked files stay.

    Raises:
        RequestError: it is no workspace, or it holds edits or commits of the user and `force` is off.
    """
    lock = read_lock(workspace)
    mark = workspace / ".git" / _MARK
    if not mark.exists() and not force:
        status = inspect(workspace)
        if not status.clean:
            raise RequestError(f"{workspace}: {status.describe()}; --force throws that away")
    if not repository.has_commit(workspace, lock.base):
        raise RequestError(f"{workspace}: the pristine commit {lock.base[:12]} is gone; apply again into a new --dest")
    mark.touch()
    with reporter.task("reverting"):
        repository.reset(workspace, lock.base)
    (workspace / ".git" / _REVERTED).write_text(lock.base + "\n", encoding="utf-8")
    (workspace / LOCK_NAME).unlink()
    mark.unlink()
    return lock


def reverted_base(folder: Path) -> str | None:
    """The pristine commit of a workspace that was reverted; None where `folder` is none."""
    mark = folder / ".git" / _REVERTED
    if not mark.is_file() or (folder / LOCK_NAME).exists():
        return None
    return mark.read_text(encoding="utf-8").strip()
