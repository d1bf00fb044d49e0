"""Results of cells in a folder: one small file each, written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.sources.cache import remove_tree
from yolopatch.validation.model import Cell, Result
from yolopatch.workspace.files import write_files

_FORMAT = 1
_GONE = ".gone-"


class Store:
    """The folder of one validation: `cells/` with the results, `work/` with the workspaces."""

    def __init__(self, root: Path, digests: Mapping[str, str]) -> None:
        """`digests` has, for each YOLO, one of everything beside its names that decides a cell."""
        self.root = root
        self._digests = digests

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes out, and clean up what killed ones have left.

        Raises:
            RequestError: another one is at work there, or a file stands in the way.
            EnvironmentFailed: the folder cannot be written.
        """
        lock = FileLock(self.root / ".lock", timeout=0)
        try:
            for folder in (self.root / "cells", self.root / "work"):
                folder.mkdir(parents=True, exist_ok=True)
            # Where the folder stands in a repository, git has nothing to say about it.
            write_files({self.root / ".gitignore": b"*\n"})
            lock.acquire()
        except Timeout as error:
            raise RequestError(
                f"another yolopatch validate is at work in {self.root}; wait for it, or name another --work"
            ) from error
        except (FileExistsError, NotADirectoryError) as error:
            raise RequestError(f"{self.root} cannot be the folder of a validation; name another --work") from error
        except OSError as error:
            raise EnvironmentFailed(f"{self.root} cannot be written ({error.strerror}); name another --work") from error
        try:
            for left in (self.root / "work").glob(f"{_GONE}*"):
                remove_tree(left)
            yield
        finally:
            lock.release()

    def workspace(self, cell: Cell) -> Path:
        """Where the patched tree of a cell goes. The digest is in its name: another version's is never taken for it."""
        names = (*cell.workspace, cell.commit or "", self._digests[cell.yolo])
        return self.root / "work" / _slug(cell.workspace, names)

    def discard(self, workspace: Path) -> None:
        """Delete a workspace; a kill leaves it whole, or under a name that is never taken for one."""
        if not workspace.exists():
            return
        gone = workspace.with_name(_GONE + workspace.name)
        if gone.exists():
            remove_tree(gone)
        workspace.rename(gone)
        remove_tree(gone)

    def load(self, cell: Cell) -> Result | None:
        """The result of a cell that was found under the same conditions; None where there is none, or it is damaged."""
        try:
            document = json.loads(self._file(cell).read_text(encoding="utf-8"))
            if document["format"] != _FORMAT or document["key"] != self._key(cell):
                return None
            found = dict(document["result"])
            return Result(**{**found, "detail": tuple(found["detail"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, cell: Cell, result: Result) -> None:
        """Keep a result.

        Raises:
            EnvironmentFailed: the disk is full or the folder is gone.
        """
        document = {"format": _FORMAT, "key": self._key(cell), "cell": asdict(cell), "result": asdict(result)}
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        try:
            write_files({self._file(cell): text.encode("utf-8", "replace")})
        except OSError as error:
            raise EnvironmentFailed(f"{self._file(cell)} cannot be written: {error.strerror}") from error

    def _file(self, cell: Cell) -> Path:
        names = (*cell.workspace, cell.form)
        return self.root / "cells" / f"{_slug(names, names)}.json"

    def _key(self, cell: Cell) -> str:
        return _hash((*cell.workspace, cell.form, cell.commit or "", self._digests[cell.yolo]))


def digest(facts: Mapping[str, Any], folders: Iterable[Path]) -> str:
    """One for facts and all files below some folders."""
    total = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"):
            content = hashlib.sha256(file.read_bytes()).hexdigest()
            total.update(f"{folder.name}/{file.relative_to(folder).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def _slug(shown: Iterable[str], names: Iterable[str]) -> str:
    """A file name to read, with a piece of a hash that tells names apart which look alike."""
    text = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(shown)).strip("-.")
    return f"{text[:100]}-{_hash(names)[:8]}"


def _hash(names: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(names).encode("utf-8", "surrogatepass")).hexdigest()
