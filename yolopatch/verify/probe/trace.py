"""Which files of the tree a run reads, so that a tree in which these are the same need not run again."""

# ruff: noqa: PTH100, PTH110, PTH112

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any


class Trace:
    """Notes what is opened and imported from its making on; the interpreter offers no way to stop that."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.abspath(root) + os.sep
        self._opened: set[str] = set()
        self._modules: set[str] = set()
        sys.addaudithook(self._note)
        sys.meta_path.insert(0, self)  # the audit does not tell of importlib.import_module

    def found(self) -> dict[str, list[str]]:
        """Paths in the tree that were opened, there or not, and those of modules that were looked for in vain.

        A module that comes from elsewhere belongs to the latter: the tree could hide it by a file of its name.
        """
        candidates = {path for name in tuple(self._modules) for path in self._candidates(name)}
        opened = {path.replace(os.sep, "/") for path in tuple(self._opened)}
        absent = {path for path in candidates - opened if not os.path.exists(self._root + path)}
        return {"files": sorted(opened), "absent": sorted(absent)}

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._note_file(arguments[0])

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Note the module and leave it to the finders behind this."""
        self._modules.add(name)

    def _note_file(self, place: Any) -> None:  # at every file: plain strings, and no link is followed
        if isinstance(place, bytes):
            place = os.fsdecode(place)
        if isinstance(place, str) and (path := os.path.abspath(place)).startswith(self._root):
            self._opened.add(path[len(self._root) :])

    def _candidates(self, name: str) -> tuple[str, ...]:
        parts = name.split(".")
        if len(parts) > 1 and not os.path.isdir(self._root + parts[0]):
            return ()  # a part of a package that comes from elsewhere
        path = "/".join(parts)
        return (f"{path}.py", f"{path}/__init__.py")
