"""One sitting of a training run: upstream's program from its start to the evaluation of the best weights."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from filelock import FileLock, Timeout

from yolopatch.console import Reporter, Task
from yolopatch.errors import RequestError, YolopatchError
from yolopatch.runs import results
from yolopatch.runs.failure import explain
from yolopatch.runs.folder import Record, RunFolder
from yolopatch.runs.follow import Watch, follow
from yolopatch.workflows.scores import Scores, score
from yolopatch.workflows.stage import Stage, best_weights


@contextmanager
def claimed(run: RunFolder) -> Iterator[None]:
    """Hold a run, so that no other command trains it; the system lets go when this process ends.

    Raises:
        RequestError: another process holds it.
    """
    lock = FileLock(run.path / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RequestError(f"run '{run.name}' is being trained by another process; wait for it, or end it") from None
    try:
        yield
    finally:
        lock.release()


@dataclass
class Session:
    """Trains `run`, whose record stands on the disk."""

    stage: Stage
    run: RunFolder
    record: Record
    reporter: Reporter
    _since: float = field(default_factory=time.monotonic)
    _spent: float = 0.0

    def start(self, command: Sequence[str]) -> Record:
        """Run upstream's program, then evaluate; the record.

        Raises:
            CheckFailed: upstream's program failed.
            EnvironmentFailed: memory ran out.
            YolopatchError: it was interrupted (exit code 130).
        """
        self._spent = float(self.record["seconds"])
        arguments = self.record["arguments"]
        watch = Watch.of(self.run, self.stage.interface.table, int(arguments["epochs"]))
        size = self.run.log.stat().st_size if self.run.log.is_file() else 0
        try:
            code = self._follow(command, watch)
            self._note(watch)
            if code != 0:
                sizes = f" (now {arguments['batch']} and {arguments['imgsz']})"
                raise explain(code, self.run.log, f"{self.stage.upstream.title}'s training", start=size, sizes=sizes)
            self.finish()
        except KeyboardInterrupt:
            self._note(watch)
            self._end("interrupted", None)
            raise self._interrupted() from None
        except YolopatchError as error:
            self._note(watch)
            self._end("failed", str(error))
            raise
        return self.record

    def finish(self) -> None:
        """Evaluate the best weights and close the run."""
        rows = results.read_ours(self.run.results)
        weights = best_weights(self.stage.interface, self.run)
        epoch = results.best_epoch(rows, self.stage.interface.table)
        if weights is not None and epoch is not None:
            scores = self._evaluate(weights)
            rows[epoch].update(scores.sizes())
            results.write_ours(self.run.results, rows)
            self.record["best"] = {
                "weights": str(weights.relative_to(self.run.path)),
                **results.told(rows[epoch]),
                "epoch": epoch,
                "val": scores.to_json(),
            }
        self.record["epochs_done"] = max(rows, default=0)
        self._end("finished", None)

    def _evaluate(self, weights: Any) -> Scores:
        arguments = self.record["arguments"]
        return score(
            self.stage,
            weights,
            self.run.path / "data" / "data.yaml",
            self.run.path / "val",
            imgsz=int(arguments["imgsz"]),
            batch=int(arguments["batch"]),
            device=str(arguments["device"]).split(",")[0],
            split="val",
            reporter=self.reporter,
        )

    def _follow(self, command: Sequence[str], watch: Watch) -> int:
        reporter = self.reporter
        single = not self.record["arguments"]["launch"]["processes"] > 1

        def on_start(pid: int) -> None:
            self.record["pid"] = pid
            self.run.write(self.record)

        live = reporter.live and not reporter.verbose
        if not live:
            reporter.note(f"{self.stage.upstream.title} trains run '{self.run.name}', {watch.epochs} epochs ...")
        with reporter.task(f"start {self.stage.upstream.title}", float(watch.epochs), plain=False) as task:

            def on_progress(watch: Watch) -> None:
                self._show(watch, task if live else None)

            code = follow(
                command,
                self.stage.workspace,
                self.stage.variables(single=single),
                watch,
                on_start=on_start,
                on_progress=on_progress,
                stream=reporter.verbose and not reporter.quiet,
            )
            on_progress(watch)
        return code

    def _show(self, watch: Watch, task: Task | None) -> None:
        if watch.fresh:
            self._note(watch)
            self.run.write(self.record)
            for epoch in watch.fresh:
                if task is None and not self.reporter.verbose:
                    self.reporter.note(line_of(watch, epoch))
            watch.fresh.clear()
        if task is None:
            return
        done = float(max(watch.rows, default=0))
        if watch.bar is not None:
            done = max(done, watch.bar.epoch - 1 + watch.bar.share)
        task.update(completed=done, text=progress_line(watch))

    def _note(self, watch: Watch) -> None:
        """Put what is known into the record."""
        record = self.record
        record["epochs_done"] = max(watch.rows, default=0)
        record["seconds"] = round(self._spent + time.monotonic() - self._since, 1)
        for name, value in (("peak_memory_bytes", watch.peak_memory), ("gpu_memory_bytes", watch.gpu_memory)):
            record[name] = max(record[name] or 0, value) or None
        best = results.best_epoch(watch.rows, watch.table)
        if best is not None:
            record["best"] = {**results.told(watch.rows[best]), "epoch": best}

    def _end(self, status: str, error: str | None) -> None:
        self.record["status"] = status
        self.record["error"] = error
        self.record["seconds"] = round(self._spent + time.monotonic() - self._since, 1)
        self.record["ended"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.record.pop("pid", None)
        self.run.write(self.record)

    def _interrupted(self) -> YolopatchError:
        error = YolopatchError(
            f"interrupted after {self.record['epochs_done']} epochs; go on with "
            f"{self.stage.command('train', '--resume', self.run.name)}"
        )
        error.kind, error.exit_code = "interrupted", 130
        return error


def line_of(watch: Watch, epoch: int) -> str:
    """One finished epoch in one line."""
    row = watch.rows[epoch]
    losses = ", ".join(f"{name[6:]} {value:.4g}" for name, value in row.items() if name.startswith("train/"))
    left = f", {_span(watch.seconds_left)} left" if watch.seconds_left else ""
    return f"epoch {epoch}/{watch.epochs}: {losses}, mAP50 {row.get('mAP50', 0.0):.3f}, {row['seconds']:.0f} s{left}"


def progress_line(watch: Watch) -> str:
    """The state of a running training in a few words."""
    epoch = watch.bar.epoch if watch.bar else max(watch.rows, default=0) + 1
    words = [f"epoch {min(epoch, watch.epochs)}/{watch.epochs}"]
    if watch.bar:
        # Upstream's bar has its losses in the order of its table.
        names = [name[6:].removesuffix("_loss") for name in watch.table.columns if name.startswith("train/")]
        words += [f"{name} {value}" for name, value in zip(names, watch.bar.losses, strict=False)]
    if watch.rows:
        words.append(f"mAP50 {watch.rows[max(watch.rows)].get('mAP50', 0.0):.3f}")
    if watch.seconds_left:
        words.append(f"{_span(watch.seconds_left)} left")
    return "  ".join(words)


def _span(seconds: float | None) -> str:
    whole = int(seconds or 0)
    return (
        f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
        if whole >= 3600
        else f"{whole // 60}:{whole % 60:02d}"
    )
