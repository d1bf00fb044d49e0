"""The way of one `sweep`: a grid of trainings, some at a time, on this machine or by an engine, kept as they end."""

from __future__ import annotations

import json
import shlex
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from yolopatch.catalog import Catalog
from yolopatch.console import Reporter
from yolopatch.console import Task as Bar
from yolopatch.errors import RequestError, YolopatchError
from yolopatch.paths import shown
from yolopatch.runs.ourselves import own_command
from yolopatch.sweep.cells import Cell
from yolopatch.sweep.folder import Job, State, SweepFolder
from yolopatch.sweep.report import Report, Result, Status, metrics_of
from yolopatch.sweep.submitted import SLURM, queued
from yolopatch.sweep.task import Ended, Executor, Outcome, Task
from yolopatch.workflows.apply import Request as ApplyRequest
from yolopatch.workflows.apply import apply
from yolopatch.workflows.destination import Taken
from yolopatch.workflows.stage import checked_data
from yolopatch.workflows.sweep_cell import Attempt
from yolopatch.workflows.sweep_cells import Planned, plan_sweep

_LOOK = 1.0  # seconds between two looks at the runs
_TRIES = 2
_LINES = 12


@dataclass(frozen=True)
class SweepRequest:
    """What the user asked for. `executor` is made when there is something to run; it gets the sweep's name."""

    file: Path
    executor: Callable[[str], Executor]
    dest: Path | None = None
    dry: bool = False


def sweep(request: SweepRequest, reporter: Reporter, catalog: Catalog | None = None) -> Report:
    """Train every cell that is not finished. An interrupt ends in a report as well.

    Raises:
        RequestError: the file is wrong, or the folder holds another sweep; nothing was started.
        EnvironmentFailed: the engine takes no job, or the folder cannot be written.
    """
    catalog = catalog or Catalog()
    planned = plan_sweep(catalog, request.file)
    folder = SweepFolder((request.dest or request.file.parent / planned.name).expanduser().absolute())
    for why in planned.left_out:
        reporter.note(f"left out: {why}")
    if request.dry:
        folder.check(planned.name, planned.cells)
        checked_data(planned.data, check=False, reporter=reporter)
        return _Sweep(planned, folder, catalog, reporter).report()
    classes = len(checked_data(planned.data, check=planned.check, reporter=reporter).names)
    executor = request.executor(planned.name)  # before the folder: an engine that is not there leaves no trace
    interrupted = False
    with folder.locked(planned.name, planned.cells):
        run = _Sweep(planned, folder, catalog, reporter)
        try:
            with executor:
                run.work_off(executor, classes)
        except KeyboardInterrupt:
            interrupted = True
        report = run.report()
    return replace(report, interrupted=interrupted, going_on=executor.left())


class _Sweep:
    """The cells, and how far they are. What is on disk counts; nothing else is remembered but what runs now."""

    def __init__(self, planned: Planned, folder: SweepFolder, catalog: Catalog, reporter: Reporter) -> None:
        self._planned = planned
        self._folder = folder
        self._catalog = catalog
        self._reporter = reporter
        self._cells = {cell.id: cell for cell in planned.cells}
        self._states = {name: folder.state(cell) for name, cell in self._cells.items()}
        self._kept = {name for name, cell in self._cells.items() if self._finished(cell)}
        self._running: dict[str, Cell] = {}

    def work_off(self, executor: Executor, classes: int) -> None:
        """Do the rest: what failed before has one more try, what was never begun has two."""
        todo = [cell for name, cell in self._cells.items() if name not in self._kept]
        if not todo:
            return
        if self._kept:
            self._reporter.note(f"{len(self._kept)} of {len(self._cells)} cells are finished from an earlier sitting")
        self._refuse_other_engine(todo, executor)
        tries = {cell.id: max(1, _TRIES - self._states[cell.id].failures) for cell in todo}
        queue = deque(self._prepared(self._taken_back(todo, executor), classes))
        total = float(sum(cell.training.epochs for cell in self._cells.values()))
        with self._reporter.task(f"training {len(todo)} cells", total=total) as bar:
            while queue or executor.busy:
                while queue and executor.free:
                    self._start(queue.popleft(), executor)
                for ended in executor.wait(_LOOK):
                    tries[ended.cell] -= 1
                    if not self._take(ended) and tries[ended.cell] > 0:
                        self._reporter.note(f"{self._cells[ended.cell].shown}: tried once more, after the others")
                        queue.append(self._cells[ended.cell])
                self._show(bar)

    def report(self) -> Report:
        """How far all are."""
        results = [self._result(cell) for cell in self._cells.values()]
        return Report(self._planned.name, str(self._folder.root), results, self._planned.left_out)

    def _refuse_other_engine(self, todo: list[Cell], executor: Executor) -> None:
        """Jobs of an earlier sitting would train the same cells."""
        jobs = [job for cell in todo if (job := self._states[cell.id].job)]
        other = [] if executor.engine == SLURM else [job.id for job in jobs if job.engine == SLURM]
        there = queued(other) or set()
        if there:
            ids = " ".join(sorted(there))
            raise RequestError(
                f"Slurm still has jobs of this sweep ({ids}); go on with --executor slurm, or end them: scancel {ids}"
            )

    def _taken_back(self, todo: list[Cell], executor: Executor) -> list[Cell]:
        """Watch the jobs that an earlier sitting left; the cells that have none."""
        rest = []
        for cell in todo:
            job = self._states[cell.id].job
            ours = job is not None and job.engine == executor.engine
            if job is not None and ours and executor.adopt(self._task(cell, Path(job.folder)), job.id):
                self._running[cell.id] = cell
            else:
                rest.append(cell)
        return rest

    def _prepared(self, cells: list[Cell], classes: int) -> list[Cell]:
        """Make the workspaces; the cells that have one."""
        models = {cell.model: cell for cell in cells}
        why: dict[str, YolopatchError | None] = {}
        with self._reporter.task(f"making {len(models)} workspaces", total=float(len(models))) as bar:
            for name, cell in models.items():
                bar.update(text=f"making {cell.shown_model}")
                why[name] = self._apply(cell, classes)
                bar.update(completed=float(len(why)))
        for cell in cells:
            error = why[cell.model]
            if error is not None:
                self._take(Ended(cell.id, Outcome(False, error.kind, str(error), error.detail or "")))
        return [cell for cell in cells if why[cell.model] is None]

    def _apply(self, cell: Cell, classes: int) -> YolopatchError | None:
        error: YolopatchError | None = None
        request = ApplyRequest(
            yolo=cell.yolo,
            variant=cell.variant,
            head=cell.head,
            classes=classes,
            options=cell.options,
            dest=self._folder.workspace(cell),
            verify="none",  # the training proves more
        )
        for _ in range(_TRIES):
            try:
                apply(request, Reporter(quiet=True), self._catalog)
                return None
            except Taken as taken:
                place = shown(self._folder.workspace(cell))
                return RequestError(
                    f"{place} is not what this sweep asks for ({taken.have}); "
                    "move that folder away, or name another --dest for the sweep"
                )
            except YolopatchError as failed:
                error = failed
        return error

    def _start(self, cell: Cell, executor: Executor) -> None:
        state = self._states[cell.id]
        task = self._task(cell, self._folder.jobs(cell, state.attempts))
        # Noted before it starts: no two attempts share a folder, whenever a kill comes.
        self._note(cell, replace(state, attempts=state.attempts + 1, job=None))
        job = executor.start(task)
        self._running[cell.id] = cell
        if job is not None:
            noted = Job(executor.engine, job, str(task.jobs))
            self._note(cell, replace(self._states[cell.id], job=noted))

    def _task(self, cell: Cell, jobs: Path) -> Task:
        attempt = Attempt.of(self._folder, cell)
        words = [attempt.written()]
        return Task(cell.id, attempt, own_command(words, "yolopatch.workflows.sweep_cell"), jobs)

    def _take(self, ended: Ended) -> bool:
        """Keep what came of an attempt; whether the cell is finished."""
        cell, outcome = self._cells[ended.cell], ended.outcome
        self._running.pop(cell.id, None)
        state = replace(self._states[cell.id], job=None)
        # The run has the last word: the job may have been killed after its end.
        if self._finished(cell):
            self._note(cell, replace(state, failures=0, kind="", message="", detail=""))
            self._reporter.note(f"{cell.shown}: {self._summary(cell)}")
            return True
        detail = "\n".join(outcome.detail.splitlines()[-_LINES:])
        message = outcome.message or "it ended without a finished run"
        failed = replace(state, failures=state.failures + 1, kind=outcome.kind, message=message, detail=detail)
        self._note(cell, failed)
        self._reporter.note(f"{cell.shown}: failed: {message}")
        return False

    def _note(self, cell: Cell, state: State) -> None:
        self._folder.save(cell, state)
        self._states[cell.id] = state

    def _finished(self, cell: Cell) -> bool:
        return (self._folder.record(cell) or {}).get("status") == "finished"

    def _summary(self, cell: Cell) -> str:
        record = self._folder.record(cell) or {}
        numbers = "".join(f", {name} {value:.3f}" for name, value in metrics_of(record).items())
        return f"{record.get('epochs_done')} epochs in {float(record.get('seconds') or 0) / 60:.1f} min{numbers}"

    def _show(self, bar: Bar) -> None:
        """All cells in one line: how many are finished, and the epochs of those that run."""
        if not self._reporter.live:
            return
        done = {name: self._epochs(cell) for name, cell in self._cells.items()}
        finished = sum(self._finished(cell) for cell in self._cells.values())
        running = [
            f"{cell.shown} {done[name]}/{cell.training.epochs}" for name, cell in list(self._running.items())[:3]
        ]
        more = f" and {len(self._running) - 3} more" if len(self._running) > 3 else ""
        text = f"{finished}/{len(self._cells)} cells  {'  '.join(running)}{more}"
        bar.update(completed=float(sum(done.values())), text=text)

    def _epochs(self, cell: Cell) -> int:
        return int((self._folder.record(cell) or {}).get("epochs_done") or 0)

    def _result(self, cell: Cell) -> Result:
        record, state = self._folder.record(cell) or {}, self._states[cell.id]
        finished = record.get("status") == "finished"
        return Result(
            cell=cell,
            status="finished" if finished else _status(state, bool(record)),
            metrics=metrics_of(record) if finished else {},
            seconds=float(record.get("seconds") or 0),
            epochs=int(record.get("epochs_done") or 0),
            workspace=str(self._folder.workspace(cell)),
            log=str(self._folder.log(cell)),
            by_hand=self._by_hand(cell),
            attempts=state.attempts,
            kept=cell.id in self._kept,
            kind=state.kind,
            message=state.message,
            detail=tuple(state.detail.splitlines()),
        )

    def _by_hand(self, cell: Cell) -> str:
        workspace = self._folder.workspace(cell)
        if workspace.is_dir():
            return Attempt.of(self._folder, cell).by_hand()
        options = [word for name, value in cell.options.items() for word in ("--set", f"{name}={json.dumps(value)}")]
        model = ["--yolo", cell.yolo, "--variant", cell.variant, "--head", cell.head, *options]
        return shlex.join(["yolopatch", "apply", *model, "--dest", str(workspace)])


def _status(state: State, begun: bool) -> Status:
    if state.failures:
        return "failed"
    return "interrupted" if begun else "waiting"
