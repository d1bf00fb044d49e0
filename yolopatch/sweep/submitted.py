"""Hands cells to an engine through submitit: Slurm, or submitit's own local executor, which the tests drive."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from yolopatch.errors import EnvironmentFailed
from yolopatch.install_hint import install_command
from yolopatch.sweep.task import Ended, Outcome, Task, outcome_of

Cluster = Literal["slurm", "local"]

SLURM = "submitit-slurm"
"""The name of the engine whose jobs a later sitting has to look for."""

_POLL = 0.2
_ASK = 10.0  # seconds between two questions to the queue
_GRACE = 15.0  # seconds that the result of a job that left the queue may take over a network drive
_REQUEUES = 1000  # a job at its time limit goes on in the queue; only the user ends that
_LINES = 20


@dataclass(frozen=True)
class Resources:
    """What each job asks for. None: the cluster's default."""

    minutes: int = 24 * 60
    partition: str | None = None
    gpus: int | None = None
    cpus: int | None = None


@dataclass
class _Watched:
    task: Task
    job: Any
    gone: float | None = None
    """Since when the queue does not have it."""


class SubmittedExecutor:
    """At most `jobs` jobs in the queue and at work. They live on when this process ends."""

    def __init__(self, cluster: Cluster, jobs: int, name: str, resources: Resources) -> None:
        """`name` is the sweep's, for the list of jobs.

        Raises:
            EnvironmentFailed: submitit or Slurm is not there.
        """
        require(cluster)
        self.engine = f"submitit-{cluster}"
        self._cluster = cluster
        self._jobs = jobs
        self._name = name
        self._resources = resources
        self._watched: dict[str, _Watched] = {}
        self._asked = float("-inf")

    def __enter__(self) -> SubmittedExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the jobs alone."""

    @property
    def free(self) -> bool:
        """Whether one more may be submitted."""
        return len(self._watched) < self._jobs

    @property
    def busy(self) -> bool:
        """Whether one runs or waits."""
        return bool(self._watched)

    def start(self, task: Task) -> str:
        """Submit an attempt; the job's id.

        Raises:
            EnvironmentFailed: the engine refuses it.
        """
        import submitit

        # A folder of its own: ids of jobs may come again, and results of others must not be taken for its own.
        task.jobs.mkdir(parents=True, exist_ok=True)
        executor = submitit.AutoExecutor(folder=task.jobs, cluster=self._cluster, slurm_max_num_timeout=_REQUEUES)
        executor.update_parameters(
            name=f"{self._name}/{task.cell}",
            timeout_min=self._resources.minutes,
            gpus_per_node=self._resources.gpus,
            cpus_per_task=self._resources.cpus,
            slurm_partition=self._resources.partition,
            stderr_to_stdout=True,
        )
        said = io.StringIO()  # the engine's own words would stand beside our one line, or in our JSON
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                job = executor.submit(task.call)
        except (OSError, submitit.core.utils.FailedJobError, subprocess.SubprocessError) as error:
            why = " ".join(str(error).split())[-300:]
            raise EnvironmentFailed(f"{self._cluster} takes no job: {why}; check --partition and --gpus") from error
        self._watched[task.cell] = _Watched(task, job)
        return str(job.job_id)

    def adopt(self, task: Task, job: str) -> bool:
        """Watch the job of an earlier sitting; False where it is over and has no result, as after a kill."""
        import submitit

        kinds = {"slurm": submitit.SlurmJob, "local": submitit.LocalJob}
        found = kinds[self._cluster](folder=task.jobs, job_id=job)
        if not found.paths.result_pickle.exists() and not self._lives(found):
            return False
        self._watched[task.cell] = _Watched(task, found)
        return True

    def _lives(self, job: Any) -> bool:
        if self._cluster != "slurm":
            return not job.done()
        there = queued([str(job.job_id)])
        return there is None or bool(there)

    def wait(self, seconds: float) -> list[Ended]:
        """Those that have ended; none after that many seconds, it may be."""
        until = time.monotonic() + seconds
        while True:
            self._look_at_the_queue()
            over = [one for one in self._watched.values() if _over(one, self._cluster)]
            if over or time.monotonic() >= until:
                for one in over:
                    del self._watched[one.task.cell]
                return [Ended(one.task.cell, _outcome(one)) for one in over]
            time.sleep(_POLL)

    def left(self) -> tuple[str, ...]:
        """The jobs that go on."""
        return tuple(str(one.job.job_id) for one in self._watched.values())

    def _look_at_the_queue(self) -> None:
        """Find jobs that ended without a word.

        submitit would ask the accounting, which many a cluster does not have, and then warn of it on stdout.
        """
        now = time.monotonic()
        if self._cluster != "slurm" or not self._watched or now - self._asked < _ASK:
            return
        self._asked = now
        there = queued(self.left())
        if there is None:
            return
        for one in self._watched.values():
            gone = str(one.job.job_id) not in there
            one.gone = (one.gone or now) if gone else None


def require(cluster: Cluster) -> None:
    """Raise `EnvironmentFailed` where submitit, or Slurm, is missing."""
    if importlib.util.find_spec("submitit") is None:
        raise EnvironmentFailed(f"--executor slurm needs submitit; {install_command(extra='sweep')}")
    if cluster == "slurm" and (shutil.which("sbatch") is None or shutil.which("srun") is None):
        raise EnvironmentFailed(
            "--executor slurm: there is no sbatch or srun here; start the sweep where jobs are submitted"
        )


def queued(ids: Iterable[str]) -> set[str] | None:
    """Those of the jobs that Slurm has in its queue or at work; None where it does not say."""
    wanted = list(ids)
    if not wanted or shutil.which("squeue") is None:
        return None
    command = ["squeue", "--noheader", "--format=%i", f"--jobs={','.join(wanted)}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return None
    if done.returncode and "Invalid job id" not in done.stderr:
        return None
    return set(done.stdout.split())


def _over(one: _Watched, cluster: Cluster) -> bool:
    if one.job.paths.result_pickle.exists():
        return True
    if cluster == "slurm":
        return one.gone is not None and time.monotonic() - one.gone > _GRACE
    return bool(one.job.done())


def _outcome(one: _Watched) -> Outcome:
    import submitit

    log: Path = one.job.paths.stdout
    if not one.job.paths.result_pickle.exists():
        return Outcome(False, "error", f"job {one.job.job_id} ended without a result", _tail(log))
    try:
        found = outcome_of(one.job.result())
    except submitit.core.utils.FailedJobError as error:
        lines = str(error).strip().splitlines()
        return Outcome(False, "error", f"job {one.job.job_id} failed; {log} has its output", "\n".join(lines[-_LINES:]))
    return found or Outcome(False, "error", f"job {one.job.job_id} gave no result", _tail(log))


def _tail(log: Path) -> str:
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LINES:])
    except OSError:
        return ""
