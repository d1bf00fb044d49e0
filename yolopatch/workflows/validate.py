"""The way of one `validate`: every cell of a matrix in processes of its own, several at a time, kept as they end."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from yolopatch import __version__
from yolopatch.catalog import Catalog
from yolopatch.catalog.paths import PACKAGE
from yolopatch.console import Reporter
from yolopatch.runs.crew import Crew, Finished
from yolopatch.runs.ourselves import shared_variables
from yolopatch.validation import child
from yolopatch.validation.model import Cell, Outcome, Report, Result
from yolopatch.validation.store import Store, digest
from yolopatch.workflows.cells import Wanted, cells


@dataclass(frozen=True)
class ValidateRequest:
    """What the user asked for."""

    wanted: Wanted
    level: str
    jobs: int
    work: Path
    fresh: bool = False
    """Take no result of an earlier run."""
    keep: bool = False
    """Leave the workspaces."""


@dataclass
class _Bench:
    """A workspace and the cells that are still to be verified in it."""

    folder: Path
    cells: list[Cell] = field(default_factory=list)
    applied: Result | None = None


@dataclass(frozen=True)
class _Job:
    bench: _Bench
    cell: Cell | None
    """None: apply."""


def validate(request: ValidateRequest, reporter: Reporter, catalog: Catalog | None = None) -> Report:
    """Make, verify and keep every cell that has no good result yet. An interrupt ends in a report as well.

    Raises:
        RequestError: a name is unknown, or the folder is taken; nothing was started.
        EnvironmentFailed: a revision cannot be looked up, or results cannot be written.
    """
    started = time.monotonic()
    catalog = catalog or Catalog()
    matrix = cells(catalog, request.wanted, reporter)
    store = Store(request.work.absolute(), _digests(catalog, {cell.yolo for cell, _ in matrix}, request))
    with store.locked():
        run = _Run(request, store, reporter, [cell for cell, _ in matrix])
        for cell, why in matrix:
            if why:
                run.outcomes[cell] = Outcome(cell, Result("skipped", message=why))
        if not request.fresh:
            run.take_kept()
        try:
            run.work_off()
            interrupted = False
        except KeyboardInterrupt:
            interrupted = True
    return Report(
        [run.outcomes.get(cell) or Outcome(cell, Result("skipped", message="interrupted")) for cell, _ in matrix],
        request.level,
        request.wanted.origin,
        time.monotonic() - started,
        interrupted,
    )


class _Run:
    """The cells that are to be done, and those that are."""

    def __init__(self, request: ValidateRequest, store: Store, reporter: Reporter, matrix: Sequence[Cell]) -> None:
        self.outcomes: dict[Cell, Outcome] = {}
        self._request = request
        self._store = store
        self._reporter = reporter
        self._matrix = matrix

    def take_kept(self) -> None:
        """The good results of earlier runs. A failure is tried again: it may have been the machine's."""
        for cell in self._matrix:
            result = self._store.load(cell) if cell not in self.outcomes else None
            if result is not None and result.status == "ok":
                self.outcomes[cell] = Outcome(cell, result, kept=True)
        kept = sum(outcome.kept for outcome in self.outcomes.values())
        if kept:
            self._reporter.note(f"{kept} of {len(self._matrix)} cells are known from an earlier run (--fresh: anew)")

    def work_off(self) -> None:
        """Do the rest. A verification goes before an apply, so that few workspaces stand at a time."""
        jobs = self._request.jobs
        benches = deque(self._benches())
        ready: deque[_Job] = deque()
        variables = shared_variables(jobs)
        rest = len(self._matrix) - len(self.outcomes)
        if not rest:
            return
        with self._reporter.task(f"validating {rest} cells", total=float(rest)) as task, Crew[_Job](jobs) as crew:
            while benches or ready or crew.busy:
                while crew.free and (ready or benches):
                    job = ready.popleft() if ready else _Job(benches.popleft(), None)
                    crew.start(job, self._command(job), variables)
                for finished in crew.wait():
                    ready.extend(self._take(finished))
                    task.update(completed=float(rest - (len(self._matrix) - len(self.outcomes))))

    def _benches(self) -> list[_Bench]:
        benches: dict[Path, _Bench] = {}
        for cell in self._matrix:
            if cell not in self.outcomes:
                folder = self._store.workspace(cell)
                benches.setdefault(folder, _Bench(folder)).cells.append(cell)
        return list(benches.values())

    def _command(self, job: _Job) -> list[str]:
        bench, wanted = job.bench, self._request.wanted
        if job.cell is not None:
            return child.verify_command(job.cell, bench.folder, self._request.level)
        if self._request.fresh:
            self._store.discard(bench.folder)
        return child.apply_command(bench.cells[0], bench.folder, wanted.origin, wanted.remote)

    def _take(self, finished: Finished[_Job]) -> Iterable[_Job]:
        """Keep what came of a process; the further processes that it makes possible."""
        bench, cell = finished.job.bench, finished.job.cell
        if cell is not None:
            assert bench.applied is not None
            self._done(cell, child.verified(finished, bench.applied))
            bench.cells.remove(cell)
            self._tidy(bench)
            return ()
        bench.applied = child.applied(finished)
        if bench.applied.status == "ok":
            return [_Job(bench, one) for one in bench.cells]
        for one in bench.cells:
            self._done(one, bench.applied)
        # Nothing was made; what may stand there is a workspace that the user kept and edited.
        return ()

    def _done(self, cell: Cell, result: Result) -> None:
        self._store.save(cell, result)
        self.outcomes[cell] = Outcome(cell, result)
        why = f": {result.message}" if result.message else ""
        self._reporter.note(f"{cell.name}: {result.state} ({result.seconds:.1f} s){why}")

    def _tidy(self, bench: _Bench) -> None:
        if not bench.cells and not self._request.keep:
            self._store.discard(bench.folder)


def _digests(catalog: Catalog, yolos: Iterable[str], request: ValidateRequest) -> dict[str, str]:
    """Of everything beside its names that decides a cell, for each YOLO.

    The program itself is in it, the payload and the probes with it, so that a result is never older than the code.
    """
    facts = {
        "yolopatch": __version__,
        "level": request.level,
        "origin": request.wanted.origin,
        "python": sys.version,
        "machine": platform.platform(),
        "torch": _version("torch"),
    }
    program = digest(facts, [PACKAGE, catalog.templates])
    return {yolo: digest({"program": program}, [catalog.patches / yolo]) for yolo in yolos}


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
