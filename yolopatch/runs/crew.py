"""Some processes at a time, begun and ended by the main thread alone, which is the one that Ctrl-C reaches."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Generic, TypeVar

from yolopatch.errors import EnvironmentFailed
from yolopatch.interrupts import HeldInterrupts
from yolopatch.runs.process import end_all, spawn

_POLL = 0.05
_MOST = 8_000_000  # bytes of output that are read; what a child of upstream's prints has no end that we know of

T = TypeVar("T")


@dataclass(frozen=True)
class Finished(Generic[T]):
    """A process that ended by itself. `code` is negative for a signal."""

    job: T
    code: int
    stdout: str
    stderr: str
    seconds: float


@dataclass(frozen=True)
class _Running(Generic[T]):
    job: T
    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]
    started: float


class Crew(Generic[T]):
    """At most `size` processes at a time. As a context manager it leaves none behind."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._running: list[_Running[T]] = []

    def __enter__(self) -> Crew[T]:
        return self

    def __exit__(self, *_: object) -> None:
        """End all that still run, and all that they have started."""
        running, self._running = self._running, []
        try:
            end_all([one.process for one in running])
        finally:
            for one in running:
                one.stdout.close()
                one.stderr.close()

    @property
    def free(self) -> bool:
        """Whether one more may be started."""
        return len(self._running) < self._size

    @property
    def busy(self) -> bool:
        """Whether one runs."""
        return bool(self._running)

    def start(self, job: T, command: Sequence[str], variables: Mapping[str, str]) -> None:
        """Start a process for `job` in the current folder.

        Raises:
            EnvironmentFailed: the system lets no more be started.
        """
        # Nameless files, which a kill cannot leave behind; `wait` closes them.
        stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115
        held = HeldInterrupts()
        try:
            process = spawn(command, Path.cwd(), variables, stdout=stdout, stderr=stderr)
            self._running.append(_Running(job, process, stdout, stderr, time.monotonic()))
        except OSError as error:
            raise EnvironmentFailed(f"no process can be started: {error.strerror}; try fewer --jobs") from error
        finally:
            held.release()

    def wait(self, seconds: float | None = None) -> list[Finished[T]]:
        """Those that have ended, at least one; after that many `seconds` none, it may be."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            ended = [one for one in self._running if one.process.poll() is not None]
            if ended or (until is not None and time.monotonic() >= until):
                self._running = [one for one in self._running if one not in ended]
                return [_finished(one) for one in ended]
            time.sleep(_POLL)


def _finished(one: _Running[T]) -> Finished[T]:
    seconds = time.monotonic() - one.started
    return Finished(one.job, one.process.returncode, _read(one.stdout), _read(one.stderr), seconds)


def _read(stream: IO[bytes]) -> str:
    with stream:
        stream.seek(0)
        return stream.read(_MOST).decode("utf-8", "replace")
