"""Whether models build and run, by the content of their trees. One line a result, written as soon as it is known."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BuildState = Literal["runs", "no-series", "fails", "stock-fails"]
BUILD_STATES: tuple[BuildState, ...] = ("runs", "no-series", "fails", "stock-fails")
"""Builds and runs forward; RevCol's patches do not fit; does not, though upstream's own model does; neither does."""


@dataclass(frozen=True)
class Build:
    """What came of one commit."""

    state: BuildState
    why: str = ""
    left_out: tuple[str, ...] = ()
    """`compat` patches that did not fit."""


class Results:
    """A file of results, by key."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}
        self._before = ""
        with contextlib.suppress(OSError):
            text = file.read_text(encoding="utf-8")
            self._before = "" if text.endswith("\n") or not text else "\n"  # after a line that a kill cut off
            for line in text.splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    found = json.loads(line)
                    self._known[found["key"]] = found["why"]

    def get(self, key: str) -> str | None:
        """Why the tree does not run; empty where it does, None where that is not known."""
        return self._known.get(key)

    def put(self, key: str, why: str) -> None:
        """Remember it."""
        with self._lock:
            self._known[key] = why
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{self._before}{json.dumps({'key': key, 'why': why})}\n")
            self._before = ""


def tree_key(files: Mapping[str, str], *facts: str) -> str:
    """The key of a tree: code and YAML by their blob ids, and what else decides."""
    relevant = sorted((path, blob) for path, blob in files.items() if path.endswith((".py", ".yaml", ".yml", ".json")))
    return hashlib.sha256(json.dumps([relevant, facts]).encode()).hexdigest()[:32]
