"""Takes everything out of a workspace that apply put in."""

from __future__ import annotations

from pathlib import Path

from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.series import repository
from yolopatch.workflows.status import inspect, refuse_reverted
from yolopatch.workspace.lock import LOCK_NAME, Lock, read_lock
from yolopatch.workspace.marks import REVERTING, mark_reverted


def revert(workspace: Path, *, force: bool, reporter: Reporter) -> Lock:
    """Reset the workspace to its pristine commit and take its lock away. Untracked files stay.

    Raises:
        RequestError: it is no workspace, or it holds edits or commits of the user and `force` is off.
    """
    refuse_reverted(workspace)
    lock = read_lock(workspace)
    mark = workspace / ".git" / REVERTING
    if not mark.exists() and not force:
        status = inspect(workspace)
        if not status.clean:
            raise RequestError(f"{workspace}: {status.describe(new=False)}; --force throws that away")
    if not repository.has_commit(workspace, lock.base):
        raise RequestError(f"{workspace}: the pristine commit {lock.base[:12]} is gone; apply again into a new --dest")
    mark.touch()
    with reporter.task("reverting"):
        repository.reset(workspace, lock.base)
    mark_reverted(workspace, lock.base)
    (workspace / LOCK_NAME).unlink()
    mark.unlink()
    return lock
