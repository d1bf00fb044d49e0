"""Whether models build and run, by the content of their trees. One line a result, written as soon as it is known."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from yolopatch.verify import Reads

Blobs = tuple[str | None, ...]

BuildState = Literal["runs", "no-series", "fails", "stock-fails"]
BUILD_STATES: tuple[BuildState, ...] = ("runs", "no-series", "fails", "stock-fails")
"""Builds and runs forward; RevCol's patches do not fit; does not, though upstream's own model does; neither does."""

_RELEVANT = (".py", ".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Build:
    """What came of one commit."""

    state: BuildState
    why: str = ""
    left_out: tuple[str, ...] = ()
    """`compat` patches that did not fit."""


@dataclass(frozen=True)
class Tree:
    """What is built: blob ids by path, and what else decides, for instance the level."""

    files: Mapping[str, str]
    facts: tuple[str, ...]

    @cached_property
    def key(self) -> str:
        """The same for trees that have the same code and YAML."""
        relevant = sorted((path, blob) for path, blob in self.files.items() if path.endswith(_RELEVANT))
        return hashlib.sha256(json.dumps([relevant, self.facts]).encode()).hexdigest()[:32]


class Results:
    """A file of results: by tree, and by what a build read of its tree, which many trees have in common."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._known: dict[str, str] = {}
        self._by_reads: dict[tuple[Reads, tuple[str, ...]], dict[Blobs, str]] = {}
        self._before = ""
        with contextlib.suppress(OSError):
            text = file.read_text(encoding="utf-8")
            self._before = "" if text.endswith("\n") or not text else "\n"  # after a line that a kill cut off
            for line in text.splitlines():
                with contextlib.suppress(ValueError, KeyError, TypeError):
                    self._take(json.loads(line))

    def get(self, tree: Tree) -> str | None:
        """Why the tree does not run; empty where it does, None where that is not known."""
        if tree.key not in self._known:
            with self._lock:
                found = self._alike(tree)
            if found is None:
                return None
            self._known[tree.key] = found
        return self._known[tree.key]

    def put(self, tree: Tree, why: str, reads: Reads | None) -> None:
        """Remember it, for this tree and all that have the same in what was read."""
        line: dict[str, Any] = {"key": tree.key, "why": why}
        if reads is not None:
            line |= {
                "facts": tree.facts,
                "read": {path: tree.files.get(path) for path in reads.files},
                "absent": reads.absent,
            }
        with self._lock:
            self._take(line)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(f"{self._before}{json.dumps(line)}\n")
            self._before = ""

    def put_for_now(self, tree: Tree, why: str) -> None:
        """Remember it as long as this object lives: what was at fault is not the tree."""
        self._known[tree.key] = why

    def _take(self, line: Mapping[str, Any]) -> None:
        self._known[line["key"]] = line["why"]
        if "read" in line:
            reads = Reads(tuple(line["read"]), tuple(line["absent"]))
            table = self._by_reads.setdefault((reads, tuple(line["facts"])), {})
            table[tuple(line["read"].values())] = line["why"]

    def _alike(self, tree: Tree) -> str | None:
        for (reads, facts), table in self._by_reads.items():
            if facts == tree.facts and not any(path in tree.files for path in reads.absent):
                why = table.get(tuple(tree.files.get(path) for path in reads.files))
                if why is not None:
                    return why
        return None
