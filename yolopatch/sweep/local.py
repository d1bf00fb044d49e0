"""Runs cells on this machine, in processes that end with this one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property

from yolopatch.runs.crew import Crew, Finished
from yolopatch.runs.ourselves import answer, shared_variables
from yolopatch.sweep.task import Ended, Outcome, Task, outcome_of
from yolopatch.verify.process import Ending

_LINES = 20


class LocalExecutor:
    """A crew of `jobs` processes. Where there are GPUs, each has one, and they are shared out in turn."""

    engine = "local"

    def __init__(self, jobs: int) -> None:
        self._crew = Crew[tuple[Task, int]](jobs)
        self._variables = shared_variables(jobs)
        self._slots = set(range(jobs))

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        """End all that still run."""
        self._crew.__exit__()

    @property
    def free(self) -> bool:
        """Whether one more may be started."""
        return self._crew.free

    @property
    def busy(self) -> bool:
        """Whether one runs."""
        return self._crew.busy

    @cached_property
    def _gpus(self) -> Sequence[str]:
        return visible_gpus()

    def start(self, task: Task) -> None:
        """Start an attempt.

        Raises:
            EnvironmentFailed: the system lets no more be started.
        """
        slot = min(self._slots)
        variables = dict(self._variables)
        if len(self._gpus) > 1:
            variables["CUDA_VISIBLE_DEVICES"] = self._gpus[slot % len(self._gpus)]
        self._crew.start((task, slot), task.command, variables)
        self._slots.discard(slot)

    def adopt(self, task: Task, job: str) -> bool:
        """Nothing of this executor's lives on."""
        return False

    def wait(self, seconds: float) -> list[Ended]:
        """Those that have ended; none after that many seconds, it may be."""
        ended = self._crew.wait(seconds)
        self._slots |= {one.job[1] for one in ended}
        return [Ended(one.job[0].cell, _outcome(one)) for one in ended]

    def left(self) -> tuple[str, ...]:
        """None."""
        return ()


def visible_gpus() -> Sequence[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    import torch  # takes a second

    return [str(number) for number in range(torch.cuda.device_count())]


def _outcome(finished: Finished[tuple[Task, int]]) -> Outcome:
    found = outcome_of(answer(finished))
    if found is not None:
        return found
    said = "\n".join(finished.stderr.splitlines()[-_LINES:])
    return Outcome(False, "error", f"its process {Ending(finished.code)}", said)
