"""A folder that appears whole or not at all: written beside its place and renamed at the end."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from yolopatch.errors import EnvironmentFailed, RequestError


def refuse_taken(folder: Path, *, labels: bool = True) -> None:
    """Raise `RequestError` where `folder` is a file, a link, or not empty, or where the YOLOs would miss its labels.

    `labels`: it will hold some.
    """
    if labels and "images" in folder.absolute().parts:
        # YOLOv7 turns the first folder of that name into `labels`, the others the last
        raise RequestError(f"{folder} lies below a folder called 'images', where YOLOv7 finds no labels; name another")
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise RequestError(f"{folder} exists and is no folder; name another")
    if folder.is_dir() and next(folder.iterdir(), None) is not None:
        raise RequestError(f"{folder} exists and is not empty; name another folder, or remove it first")


@contextmanager
def new_folder(folder: Path, *, labels: bool = True) -> Iterator[Path]:
    """A temporary folder that becomes `folder` when the block ends well, and is removed when it does not.

    `labels`: it is a data set, which the YOLOs must find.

    Raises:
        RequestError: `folder` is taken.
        EnvironmentFailed: nothing can be written there.
    """
    refuse_taken(folder, labels=labels)
    try:
        folder.absolute().parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.absolute().parent))
    except OSError as error:
        raise EnvironmentFailed(f"{folder}: cannot be made ({error.strerror or error}); name another folder") from error
    try:
        yield work
        work.chmod(0o777 & ~_umask())  # mkdtemp makes a folder that its owner alone can read
        _rename(work, folder, labels)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _rename(work: Path, folder: Path, labels: bool) -> None:
    refuse_taken(folder, labels=labels)
    if folder.is_dir():
        folder.rmdir()  # an empty one; Windows renames onto none
    try:
        work.rename(folder)
    except OSError as error:
        raise RequestError(f"{folder} was made by somebody else meanwhile; name another folder") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
