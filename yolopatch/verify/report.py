"""What a verification found, as data."""

from __future__ import annotations

import shlex
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

LEVELS = ("build", "forward", "gradients", "train", "export")
"""In order; each includes those before it."""

Status = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True)
class Failure:
    """Why a level failed.

    `message` is one line; `traceback` holds upstream's frames and ours only; `log` is the end
    of what upstream printed, where no exception says it all; `rerun` is the command that runs this level again.
    """

    message: str
    traceback: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    rerun: str = ""

    def lines(self) -> list[str]:
        """The failure as lines for a terminal."""
        lines = list(self.traceback)
        if self.log:
            lines += ["upstream's last output:", *(f"  {line}" for line in self.log)]
        return [*lines, f"again: {self.rerun}"]


@dataclass(frozen=True)
class LevelResult:
    """One level: what was found, or why it failed. `seconds` is wall time."""

    name: str
    status: Status
    seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    failure: Failure | None = None


@dataclass(frozen=True)
class Reads:
    """What a verification read: a tree in which this is the same gives the same result.

    `files` are the paths in the tree that were opened, there or not; `absent` those of modules that were looked for
    and are not in the tree.
    """

    files: tuple[str, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class VerifyReport:
    """All levels up to the one that was asked for, in order."""

    workspace: str
    config: str
    form: str
    level: str
    device: str
    python: str
    versions: dict[str, str]
    levels: tuple[LevelResult, ...]
    reads: Reads | None = None
    """None where that was not asked for, or the process died; no part of the document."""

    @property
    def ok(self) -> bool:
        """Every level passed."""
        return all(result.status == "passed" for result in self.levels)

    @property
    def failed(self) -> LevelResult | None:
        """The level that failed; those after it are skipped."""
        return next((result for result in self.levels if result.status == "failed"), None)

    @property
    def seconds(self) -> float:
        """Wall time of all levels."""
        return sum(result.seconds for result in self.levels)

    def facts(self, level: str) -> dict[str, Any]:
        """The facts of a level; empty where it did not run."""
        return next((result.facts for result in self.levels if result.name == level), {})

    def to_json(self) -> dict[str, Any]:
        """A document of plain values."""
        found = asdict(self)
        del found["reads"]
        return {"schema": 1, "ok": self.ok, **found}


def rerun_command(workspace: str, level: str, form: str, device: str, python: str | None) -> str:
    """The command that verifies this level again."""
    words = ["yolopatch", "verify", workspace, "--level", level, "--form", form]
    if device != "cpu":
        words += ["--device", device]
    if python is not None:
        words += ["--python", python]
    return shlex.join(words)
