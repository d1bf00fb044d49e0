"""Follows one training program: its log, its progress, our results.csv."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolopatch.runs import memory, results
from yolopatch.runs.folder import RunFolder
from yolopatch.runs.process import started
from yolopatch.runs.progress import Bar, Header, Reader, Said, Terms
from yolopatch.runs.results import Row
from yolopatch.runs.simple import pass_on
from yolopatch.runs.spec import Table

_EVERY = 0.5  # seconds between looks at upstream's table and at the memory

OnProgress = Callable[["Watch"], None]


@dataclass
class Watch:
    """What is known of a training so far. Epochs count from 1."""

    run: RunFolder
    table: Table
    epochs: int
    rows: dict[int, Row]
    bar: Bar | None = None
    fresh: list[int] = field(default_factory=list)
    """Epochs that came since this was last reported."""
    peak_memory: int = 0
    gpu_memory: int = 0
    _begun: float = field(default_factory=time.monotonic)
    _terms: dict[int, dict[str, float]] = field(default_factory=dict)
    _epoch_memory: int = 0
    _epoch_gpu: int = 0
    _seen: dict[int, Row] = field(default_factory=dict)

    @classmethod
    def of(cls, run: RunFolder, table: Table, epochs: int) -> Watch:
        """For a new run, or one that goes on: what its results.csv holds stays."""
        rows = results.read_ours(run.results)
        watch = cls(run, table, epochs, rows)
        watch._seen = results.read_upstream(run.upstream / table.file, table)
        return watch

    @property
    def seconds_left(self) -> float | None:
        """An estimate from the epochs that are done, in seconds."""
        times = [row["seconds"] for row in self.rows.values() if "seconds" in row]
        if not times:
            return None
        done = max(self.rows) + (self.bar.share if self.bar and self.bar.epoch > max(self.rows) else 0.0)
        return max(self.epochs - done, 0.0) * sum(times[-5:]) / len(times[-5:])

    def take(self, said: Said) -> None:
        """Note what upstream printed."""
        if isinstance(said, Terms):
            self._terms.setdefault(said.epoch, {}).update(said.values)
            if said.epoch in self.rows:  # the line came after the row
                self.rows[said.epoch].update(self._supervision(said.epoch))
                results.write_ours(self.run.results, self.rows)
            return
        if isinstance(said, Header):
            self.refresh()  # the row of the epoch before stands by now, and its time ends here
            self._begun = time.monotonic()
            return
        self.bar = said
        self._epoch_gpu = max(self._epoch_gpu, said.memory)
        self.gpu_memory = max(self.gpu_memory, said.memory)

    def sample(self, pid: int) -> None:
        """Note the memory that upstream uses now."""
        now = memory.resident(pid) or 0
        self._epoch_memory = max(self._epoch_memory, now)
        self.peak_memory = max(self.peak_memory, now)

    def refresh(self) -> None:
        """Take over new rows of upstream's table."""
        found = results.read_upstream(self.run.upstream / self.table.file, self.table)
        new = [epoch for epoch, row in sorted(found.items()) if self._seen.get(epoch) != row or epoch not in self.rows]
        for epoch in new:
            self.rows[epoch] = {**found[epoch], **self._cost(epoch), **self._supervision(epoch)}
        self._seen = found
        if new:
            self.fresh += new
            results.write_ours(self.run.results, self.rows)

    def _cost(self, epoch: int) -> Row:
        now = time.monotonic()
        row: Row = {"seconds": now - self._begun}
        if self._epoch_memory:
            row["peak_memory_bytes"] = float(self._epoch_memory)
        if self._epoch_gpu:
            row["gpu_memory_bytes"] = float(self._epoch_gpu)
        self._begun, self._epoch_memory, self._epoch_gpu = now, 0, 0
        return row

    def _supervision(self, epoch: int) -> Row:
        terms = self._terms.get(epoch, {})
        return {f"train/{name}": value for name, value in terms.items() if f"train/{name}" in results.TERMS}


def follow(
    command: Sequence[str],
    workspace: Path,
    variables: Mapping[str, str],
    watch: Watch,
    *,
    on_start: Callable[[int], None],
    on_progress: OnProgress,
    stream: bool,
) -> int:
    """Run upstream's training to its end and keep results.csv up to date; the exit code.

    `on_start` gets the process id. `stream`: upstream's output goes to stderr as it is. The program and its
    children are gone when this returns or raises, KeyboardInterrupt included; results.csv then has all that came.
    """
    reader = Reader(watch.epochs)
    due = 0.0
    try:
        with watch.run.log.open("ab") as log, started(command, workspace, variables) as child:
            on_start(child.pid)
            for chunk in child.output():
                log.write(chunk)
                log.flush()
                if stream and chunk:
                    pass_on(chunk)
                for said in reader.feed(chunk.decode("utf-8", errors="replace")):
                    watch.take(said)
                if time.monotonic() >= due:
                    watch.sample(child.pid)
                    watch.refresh()
                    on_progress(watch)
                    due = time.monotonic() + _EVERY
            return child.wait()
    finally:
        watch.refresh()
