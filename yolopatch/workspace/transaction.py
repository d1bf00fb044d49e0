"""All or nothing: a destination is built under a temporary name beside it and renamed when it is whole."""

from __future__ import annotations

import errno
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolopatch.errors import EnvironmentFailed, RequestError, YolopatchError
from yolopatch.workspace.marks import mark_kept, move_kept

_TEMPORARY = "yolopatch-new"
_REPLACED = "yolopatch-old"
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")


def temporary_name(destination: Path, what: str = _TEMPORARY) -> Path:
    """The hidden name beside `destination` that holds the half-made folder."""
    return destination.parent / f".{destination.name}.{what}"


def take_away(destination: Path) -> None:
    """Remove a folder in one step, as whoever looks at it sees it; what a kill leaves of it goes with `recover`."""
    gone = temporary_name(destination)
    _remove(gone)
    destination.rename(gone)
    _remove(gone)


def recover(destination: Path) -> None:
    """Clean up after a run that was killed. The caller holds the destination's lock.

    A folder that was set aside to be replaced comes back if its successor never arrived.
    """
    old = temporary_name(destination, _REPLACED)
    if old.exists():
        if destination.exists():
            _retire(old, destination)
        else:
            old.rename(destination)
    _remove(temporary_name(destination))


@contextmanager
def building(destination: Path, keep: tuple[str, ...] = ()) -> Iterator[Path]:
    """A new folder that becomes `destination` if the block ends well, and vanishes if it does not.

    `keep` names the user's own files in a workspace that is replaced: they move to the new one.

    Raises:
        RequestError: the destination's parent cannot be written to.
        EnvironmentFailed: the disk is full.
    """
    temporary = temporary_name(destination)
    made = _make_parents(destination.parent)
    try:
        with disk_errors(destination.parent):
            temporary.mkdir()
            yield temporary
            _publish(temporary, destination, keep)
    except BaseException:
        _remove(temporary)
        for folder in reversed(made):
            _remove_if_empty(folder)
        raise


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns a full or read-only disk into one clear line."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise EnvironmentFailed(f"no space left on the disk of {folder}; free some and run it again") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise EnvironmentFailed(f"{folder} cannot be written to; choose another place with --dest") from error
        reason = error.strerror or error
        raise RequestError(f"{folder}: nothing can be made there ({reason}); choose another --dest") from error
    except YolopatchError as error:
        # git wraps the disk's message into its own
        if _DISK_FULL.search(f"{error} {error.detail or ''}"):
            raise EnvironmentFailed(f"no space left on the disk of {folder}; free some and run it again") from error
        raise


def _make_parents(folder: Path) -> list[Path]:
    missing = []
    current = folder
    while not current.exists():
        missing.append(current)
        current = current.parent
    if not current.is_dir():
        raise RequestError(f"{current} is a file, not a folder; choose another --dest")
    missing.reverse()
    with disk_errors(current):
        for path in missing:
            path.mkdir(exist_ok=True)
    return missing


def _publish(temporary: Path, destination: Path, keep: tuple[str, ...]) -> None:
    old = temporary_name(destination, _REPLACED)
    if destination.exists():
        if keep:
            mark_kept(destination, keep)
        destination.rename(old)
    temporary.replace(destination)
    _retire(old, destination)


def _retire(old: Path, new: Path) -> None:
    if old.exists():
        move_kept(old, new)
        _remove(old)


def _remove(path: Path) -> None:
    # A git that was killed may take a moment to die and leave one more file in a folder that was just emptied.
    for _ in range(10):
        if not path.exists():
            return
        shutil.rmtree(path, ignore_errors=True)
        if path.exists():
            time.sleep(0.05)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
