"""What an executor is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt at a cell."""

    ok: bool
    kind: str = ""
    """Of a failure: `check-failed`, `environment`, `request`, `interrupted`, `error`."""
    message: str = ""
    detail: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Task:
    """One attempt at a cell. `call` and `command` do the same, here and in a process of its own."""

    cell: str
    call: Callable[[], dict[str, Any]]
    """Gives an outcome's plain values. It can be pickled."""
    command: Sequence[str]
    """Prints them as JSON."""
    jobs: Path
    """A folder for what an engine keeps of this attempt."""


@dataclass(frozen=True)
class Ended:
    """An attempt that is over."""

    cell: str
    outcome: Outcome


class Executor(AbstractContextManager["Executor"], Protocol):
    """Runs attempts, some at a time. What it does not leave to others ends with its block."""

    engine: str
    """Its name in the state of a cell."""

    @property
    def free(self) -> bool:
        """Whether one more may be started."""

    @property
    def busy(self) -> bool:
        """Whether one runs, or waits in a queue."""

    def start(self, task: Task) -> str | None:
        """Start an attempt; the id of its job where that lives on without this process.

        Raises:
            EnvironmentFailed: it cannot be started.
        """

    def adopt(self, task: Task, job: str) -> bool:
        """Watch the job of an earlier sitting as if it had been started here; False where it was killed meanwhile."""

    def wait(self, seconds: float) -> list[Ended]:
        """Those that have ended; none after that many seconds, it may be."""

    def left(self) -> tuple[str, ...]:
        """The jobs that go on when the block ends."""


def outcome_of(document: Mapping[str, Any]) -> Outcome | None:
    """The outcome in a document of plain values; None where it is none."""
    try:
        return Outcome(**document)
    except TypeError:
        return None
