"""One attempt at a cell of a sweep: trains it, or goes on with what an earlier attempt has left."""

from __future__ import annotations

import contextlib
import json
import shlex
import signal
import sys
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock

from yolopatch.console import Reporter
from yolopatch.errors import YolopatchError
from yolopatch.runs.folder import RUNS, RunFolder
from yolopatch.sources.cache import remove_tree
from yolopatch.sweep.cells import Cell, Training
from yolopatch.sweep.folder import SweepFolder
from yolopatch.sweep.task import Outcome
from yolopatch.workflows.resume import ResumeRequest, resume
from yolopatch.workflows.train import TrainRequest, train


@dataclass(frozen=True)
class Attempt:
    """All that it needs, as plain values: it goes to other processes and machines."""

    workspace: str
    run: str
    log: str
    lock: str
    seed: int
    training: Training

    @classmethod
    def of(cls, folder: SweepFolder, cell: Cell) -> Attempt:
        """The attempt at a cell."""
        return cls(
            workspace=str(folder.workspace(cell)),
            run=cell.run,
            log=str(folder.log(cell)),
            lock=str(folder.root / "cells" / f".{cell.id}.lock"),
            seed=cell.seed,
            training=cell.training,
        )

    @classmethod
    def read(cls, text: str) -> Attempt:
        """What `written` wrote."""
        values = json.loads(text)
        arguments = tuple(values["training"].pop("arguments"))
        return cls(**{**values, "training": Training(**values["training"], arguments=arguments)})

    def written(self) -> str:
        """As JSON, for a process of its own."""
        return json.dumps(asdict(self))

    def __call__(self) -> dict[str, Any]:
        """Do it; the outcome's plain values, whatever happens."""
        with Path(self.log).open("a", encoding="utf-8") as log, contextlib.redirect_stderr(log):
            log.write(f"--- {datetime.now(timezone.utc).isoformat(timespec='seconds')} {self.by_hand()}\n")
            outcome = self._outcome()
            if not outcome.ok:
                log.write(f"{outcome.kind}: {outcome.message}\n{outcome.detail}".rstrip() + "\n")
        return outcome.to_json()

    def checkpoint(self) -> Any:
        """What submitit puts into the queue again at a time limit or a preemption: the same, which goes on."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def by_hand(self) -> str:
        """The command that does the same alone."""
        return shlex.join(["yolopatch", *self._words()])

    def _outcome(self) -> Outcome:
        try:
            with _as_command(self._words()):
                self._train()
        except YolopatchError as error:
            return Outcome(False, error.kind, str(error), error.detail or "")
        except KeyboardInterrupt:
            return Outcome(False, "interrupted", "interrupted")
        except Exception as error:
            return Outcome(False, "error", f"unexpected {type(error).__name__}: {error}", traceback.format_exc())
        return Outcome(True)

    def _train(self) -> None:
        """Under a lock: a job that nobody knows of any more, since its sweep was killed, may be at work here."""
        reporter = Reporter()
        with FileLock(self.lock):
            run = self._run
            if not run.record_file.is_file():
                remove_tree(run.path)  # a kill left it before it had a record, and so before any training
                train(self._request(), reporter)
            elif run.read().get("status") != "finished":
                resume(ResumeRequest(Path(self.workspace), self.run), reporter)

    @property
    def _run(self) -> RunFolder:
        return RunFolder(Path(self.workspace) / RUNS / self.run)

    def _request(self) -> TrainRequest:
        values = asdict(self.training)
        further = values.pop("arguments")
        return TrainRequest(
            **{**values, "workspace": Path(self.workspace), "data": Path(self.training.data)},
            seed=self.seed,
            name=self.run,
            check=False,  # the sweep did
            further=further,
        )

    def _words(self) -> list[str]:
        if self._run.record_file.is_file():
            return ["train", self.workspace, "--resume", self.run]
        given = {**asdict(self.training), "seed": self.seed}
        arguments = given.pop("arguments")
        options = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
        further = ["--", *arguments] if arguments else []
        return ["train", self.workspace, *options, "--name", self.run, "--no-check", *further]


@contextlib.contextmanager
def _as_command(words: list[str]) -> Iterator[None]:
    """The record of a run says which command made it; nobody typed one here."""
    before = sys.argv
    sys.argv = ["yolopatch", *words]
    try:
        yield
    finally:
        sys.argv = before


def main() -> None:
    """The attempt in the first argument, as JSON; its outcome on stdout."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(json.dumps(Attempt.read(sys.argv[1])()))
