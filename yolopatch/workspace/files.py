"""Files that are written whole or not at all, each by a temporary name beside it and one rename."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from yolopatch.errors import EnvironmentFailed, RequestError


def refuse_unwritable(path: Path) -> None:
    """Raise `RequestError` where no file can stand at `path`, `EnvironmentFailed` where it may not be written."""
    if path.is_dir():
        raise RequestError(f"{path} is a folder; a file has to go there")
    place = path.parent
    while not place.exists() and not place.is_symlink():
        place = place.parent
    if not place.is_dir():
        raise RequestError(f"{place} is no folder; name another one with --to")
    if not os.access(place, os.W_OK | os.X_OK):
        raise EnvironmentFailed(f"{place} cannot be written to; name another folder with --to")


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write every file whose bytes differ, in the given order.

    A kill leaves each file as it was or as it is to be; the same call completes the rest.
    """
    for path, data in files.items():
        if path.is_file() and path.read_bytes() == data:
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        # A fixed name: what a kill leaves behind is used up by the next run.
        temporary = path.with_name(f".{path.name}.yolopatch-new")
        try:
            temporary.write_bytes(data)
            os.replace(temporary, path)  # noqa: PTH105
        finally:
            temporary.unlink(missing_ok=True)
