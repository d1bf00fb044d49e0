"""The folders of training runs below a workspace's `runs/`, and the record `run.json` in each."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.errors import RequestError

RUNS = "runs"
TRAINING = "train"
"""The kind of the runs that have a record and can be gone on with."""
UPSTREAM = "upstream"
"""Upstream's own output, below a run's folder."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

Record = dict[str, Any]


@dataclass(frozen=True)
class RunFolder:
    """One run's folder."""

    path: Path

    @property
    def name(self) -> str:
        """What the user calls the run."""
        return self.path.name

    @property
    def upstream(self) -> Path:
        """Where upstream writes."""
        return self.path / UPSTREAM

    @property
    def log(self) -> Path:
        """All that upstream printed."""
        return self.path / "log.txt"

    @property
    def results(self) -> Path:
        """Our table, one row an epoch."""
        return self.path / "results.csv"

    @property
    def record_file(self) -> Path:
        """The run's record."""
        return self.path / "run.json"

    def read(self) -> Record:
        """The record.

        Raises:
            RequestError: it is missing or damaged.
        """
        try:
            record = json.loads(self.record_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RequestError(f"{self.record_file}: cannot be read ({error}); start a new run") from error
        if not isinstance(record, dict):
            raise RequestError(f"{self.record_file}: damaged; start a new run")
        return record

    def write(self, record: Record) -> None:
        """Replace the record, so that a reader never sees half of one."""
        write_text(self.record_file, json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


def create(workspace: Path, name: str | None, kind: str) -> RunFolder:
    """Make the folder of a new run: `name`, or the first of `kind`, `kind`2, `kind`3, ... that is free.

    Raises:
        RequestError: `name` is taken, or no name for a folder.
    """
    runs = workspace / RUNS
    runs.mkdir(exist_ok=True)
    if name is not None:
        check_name(name)
        return _made(runs / name) or _taken(RunFolder(runs / name), kind)
    for number in range(1, 1_000_000):
        made = _made(runs / (kind if number == 1 else f"{kind}{number}"))
        if made:
            return made
    raise RequestError(f"{runs}: too many runs; remove old ones")


def check_name(name: str) -> None:
    """Raise `RequestError` where `name` cannot be a run's folder."""
    if not _NAME.fullmatch(name):
        raise RequestError(f"--name '{name}' is no name for a run; use letters, digits, '.', '_' and '-'")


def _made(path: Path) -> RunFolder | None:
    try:
        path.mkdir()
    except FileExistsError:
        return None
    return RunFolder(path)


def _taken(run: RunFolder, kind: str) -> RunFolder:
    path = run.path
    if kind != TRAINING or not run.record_file.is_file():
        raise RequestError(f"{path} exists and is not overwritten; choose another --name")
    raise RequestError(
        f"{path} exists and is not overwritten; choose another --name, or go on with it by --resume {path.name}"
    )


def find(workspace: Path, name: str) -> RunFolder:
    """The run called `name`.

    Raises:
        RequestError: there is none; the message names those there are.
    """
    run = RunFolder(workspace / RUNS / name)
    if _NAME.fullmatch(name) and run.record_file.is_file():
        return run
    raise RequestError(f"{workspace} has no run '{name}'; {_those(all_runs(workspace))}")


def all_runs(workspace: Path) -> tuple[RunFolder, ...]:
    """Every training run, oldest first."""
    found = [RunFolder(file.parent) for file in (workspace / RUNS).glob("*/run.json")]
    return tuple(sorted(found, key=_started))


def _those(runs: tuple[RunFolder, ...]) -> str:
    if not runs:
        return "it has none yet: yolopatch train makes one"
    return f"there are {', '.join(run.name for run in runs)}"


def _started(run: RunFolder) -> tuple[str, str]:
    try:
        return str(run.read().get("started", "")), run.name
    except RequestError:
        return "", run.name
