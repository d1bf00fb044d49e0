"""What was found: one line a finished run."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

from small_objects.design import Run

Record = dict[str, Any]


class Records:
    """A file of JSON lines. Lines are only ever added, whole."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def all(self) -> list[Record]:
        """Every record, in the order in which runs ended."""
        if not self.path.is_file():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines() if line]

    def missing(self, runs: list[Run]) -> list[Run]:
        """Those of `runs` that have no record."""
        have = {(record["yolo"], record["arm"], record["seed"]) for record in self.all()}
        return [run for run in runs if (run.yolo, run.arm, run.seed) not in have]

    def add(self, run: Run, found: Record) -> None:
        """Add the record of `run`."""
        line = json.dumps({**run.model_dump(), **found})
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
