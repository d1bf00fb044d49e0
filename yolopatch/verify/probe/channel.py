"""What the probe says to the process that started it: JSON documents, one a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


class CheckError(Exception):
    """A check of ours that upstream's code did not pass; the message is all there is to say."""


class MissingPackageError(Exception):
    """The interpreter lacks a package; the message is the module's name."""


class Channel:
    """The file of results."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def send(self, event: str, **fields: Any) -> None:
        """Write one document; the reader sees it at once."""
        self._file.write(json.dumps({"event": event, **fields}, allow_nan=False) + "\n")
        self._file.flush()

    def progress(self, text: str, done: float | None = None, total: float | None = None) -> None:
        """Say how far the level is."""
        self.send("progress", text=text, done=done, total=total)
