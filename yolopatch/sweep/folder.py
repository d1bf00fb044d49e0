"""The folder of one sweep: which cells it has, how far each is, and where its workspaces, runs and logs are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.runs.folder import RUNS, RunFolder
from yolopatch.sweep.cells import Cell
from yolopatch.workspace.files import write_files

_FORMAT = 1
_SETTINGS = ("data", "epochs", "imgsz", "batch", "device", "workers", "form", "arguments")


@dataclass(frozen=True)
class Job:
    """Where an attempt runs that lives on without the sweep."""

    engine: str
    id: str
    folder: str


@dataclass(frozen=True)
class State:
    """How far a cell is, beside what its run says."""

    failures: int = 0
    attempts: int = 0
    kind: str = ""
    message: str = ""
    detail: str = ""
    job: Job | None = None


class SweepFolder:
    """`sweep.json`, `cells/`, `logs/`, `jobs/`, and a workspace for each model."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def file(self) -> Path:
        """The cells as the sweep was begun."""
        return self.root / "sweep.json"

    def workspace(self, cell: Cell) -> Path:
        """The patched tree that the seeds of a model share."""
        return self.root / cell.model

    def run(self, cell: Cell) -> RunFolder:
        """The run of a cell."""
        return RunFolder(self.workspace(cell) / RUNS / cell.run)

    def log(self, cell: Cell) -> Path:
        """What the attempts at a cell said."""
        return self.root / "logs" / f"{cell.id}.log"

    def jobs(self, cell: Cell, attempt: int) -> Path:
        """Where an engine keeps an attempt."""
        return self.root / "jobs" / cell.id / str(attempt)

    def check(self, name: str, cells: Sequence[Cell]) -> None:
        """Whether this is, or can be, the folder of that sweep.

        Raises:
            RequestError: another sweep or something else stands there, or a cell was begun with other settings.
        """
        if not self.file.exists():
            self._check_free()
            return
        there = self._read()
        if there["name"] != name:
            raise RequestError(f"{self.root} holds the sweep '{there['name']}' and not '{name}'; name another --dest")
        _check_same({cell["id"]: cell for cell in there["cells"]}, cells, self.root)

    @contextmanager
    def locked(self, name: str, cells: Sequence[Cell]) -> Iterator[None]:
        """Keep other processes out, and note which cells there are.

        Raises:
            RequestError: see `check`, or another process is at work there.
            EnvironmentFailed: the folder cannot be written.
        """
        lock = FileLock(self.root / ".lock", timeout=0)
        self.check(name, cells)  # before anything is written
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise RequestError(
                f"another yolopatch sweep is at work in {self.root}; wait for it, or name another --dest"
            ) from error
        except OSError as error:
            raise EnvironmentFailed(f"{self.root} cannot be written ({error.strerror}); name another --dest") from error
        try:
            self.check(name, cells)  # another one may have been here meanwhile
            for place in ("cells", "logs"):
                (self.root / place).mkdir(exist_ok=True)
            document = {"format": _FORMAT, "name": name, "cells": [cell.to_json() for cell in cells]}
            # Where the folder stands in a repository, git has nothing to say about it.
            self._write({self.root / ".gitignore": "*\n", self.file: _text(document)})
            yield
        finally:
            lock.release()

    def state(self, cell: Cell) -> State:
        """How far a cell is; as if it had never been begun where that is not told, or damaged."""
        try:
            found = json.loads(self._state_file(cell).read_text(encoding="utf-8"))
            job = Job(**found.pop("job")) if found.get("job") else None
            return State(**{**found, "job": job})
        except (OSError, ValueError, TypeError, AttributeError):
            return State()

    def save(self, cell: Cell, state: State) -> None:
        """Keep how far a cell is.

        Raises:
            EnvironmentFailed: the disk is full or the folder is gone.
        """
        self._write({self._state_file(cell): _text(asdict(state))})

    def record(self, cell: Cell) -> dict[str, Any] | None:
        """The record of a cell's run; None where there is none yet."""
        try:
            return self.run(cell).read()
        except RequestError:
            return None

    def _state_file(self, cell: Cell) -> Path:
        return self.root / "cells" / f"{cell.id}.json"

    def _check_free(self) -> None:
        try:
            strange = [path.name for path in self.root.iterdir() if not path.name.startswith(".")]
        except FileNotFoundError:
            return
        except NotADirectoryError:
            raise RequestError(f"{self.root} is a file; name another --dest") from None
        strange = [name for name in strange if name not in ("cells", "logs")]
        if strange:
            raise RequestError(f"{self.root} is no sweep's folder and holds {sorted(strange)[0]}; name another --dest")

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self.file.read_text(encoding="utf-8"))
            if document["format"] == _FORMAT:
                return {"name": document["name"], "cells": document["cells"]}
        except (OSError, ValueError, KeyError, TypeError):
            pass
        raise RequestError(f"{self.file} is damaged or of another version of yolopatch; name another --dest")

    def _write(self, texts: Mapping[Path, str]) -> None:
        try:
            write_files({path: text.encode("utf-8", "replace") for path, text in texts.items()})
        except OSError as error:
            raise EnvironmentFailed(f"{self.root} cannot be written ({error.strerror}); make room for it") from error


def _check_same(there: Mapping[str, Mapping[str, Any]], cells: Sequence[Cell], root: Path) -> None:
    now = {cell.id: cell for cell in cells}
    missing = [name for name in there if name not in now]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise RequestError(
            f"{root} has the cell {missing[0]}{more}, which the file does not have any more; "
            "cells can be added, not taken away: put it back, or name another --dest"
        )
    for name, cell in now.items():
        have, want = there.get(name), cell.to_json()
        if have is None:
            continue
        changed = [key for key in _SETTINGS if have.get(key) != want[key]]
        if changed:
            key = changed[0]
            raise RequestError(
                f"{root}: {name} was begun with {key} {_shown(have.get(key))} and the file says {_shown(want[key])}; "
                "put it back, or name another --dest"
            )


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _text(document: Any) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False, default=str) + "\n"
