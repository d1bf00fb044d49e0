"""Compares a workspace with its lock."""

from __future__ import annotations

from pathlib import Path

from yolopatch.errors import RequestError
from yolopatch.series import repository
from yolopatch.workspace.lock import read_lock
from yolopatch.workspace.marks import reverted_base
from yolopatch.workspace.state import Status


def refuse_reverted(workspace: Path) -> None:
    """Raise `RequestError` where a workspace was reverted: there is nothing of ours in it."""
    if reverted_base(workspace) is not None:
        raise RequestError(f"{workspace} was reverted to upstream's tree; yolopatch apply makes a workspace again")


def inspect(workspace: Path) -> Status:
    """What a workspace was made from and what was changed in it since.

    Raises:
        RequestError: it is no workspace, or its repository is gone.
    """
    refuse_reverted(workspace)
    lock = read_lock(workspace)
    if not (workspace / ".git").exists():
        raise RequestError(f"{workspace}: its .git is gone, so edits cannot be told; apply again into a new --dest")
    commits = (
        repository.commits_since(workspace, lock.commit) if repository.has_commit(workspace, lock.commit) else None
    )
    changes = repository.changes(workspace)
    return Status(lock, changes.edited, changes.new, commits or (), rewritten=commits is None)
