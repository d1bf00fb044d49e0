"""A folder that holds one tree after another; only what differs is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from yolopatch.sources.models import blob_id

Read = Callable[[Sequence[str]], Mapping[str, bytes]]


class Checkout:
    """The folder, and what is in it."""

    def __init__(self, folder: Path, read: Read) -> None:
        """`read` gives the contents of blobs."""
        self.folder = folder
        self._read = read
        self._now: dict[str, str] = {}
        folder.mkdir(parents=True)

    def show(self, files: Mapping[str, str], own: Mapping[str, bytes]) -> None:
        """Make the folder hold `files` (path to blob id) and `own` (path to content), and nothing else of ours."""
        wanted = {**files, **{path: blob_id(data) for path, data in own.items()}}
        for path in self._now.keys() - wanted.keys():
            (self.folder / path).unlink(missing_ok=True)
            del self._now[path]
        changed = [path for path, blob in wanted.items() if self._now.get(path) != blob]
        contents = self._read(sorted({files[path] for path in changed if path not in own}))
        for path in changed:
            place = self.folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(own[path] if path in own else contents[files[path]])
            self._now[path] = wanted[path]
