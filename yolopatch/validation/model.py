"""A cell of the matrix, what came of it, and the report of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["ok", "failed", "skipped"]
Step = Literal["apply", "verify"]

ENVIRONMENT = "environment"
"""The kind of a failure that says nothing about the patches."""


@dataclass(frozen=True)
class Cell:
    """One model of one patched tree. `commit` is set where `pin` is a revision and no pin of the catalog's."""

    yolo: str
    pin: str
    variant: str
    head: str
    form: str
    commit: str | None = None

    @property
    def name(self) -> str:
        """All names in one line."""
        return " ".join((self.yolo, self.pin, self.variant, self.head, self.form))

    @property
    def workspace(self) -> tuple[str, ...]:
        """The same for all cells that are verified in one patched tree."""
        return (self.yolo, self.pin, self.variant, self.head)


@dataclass(frozen=True)
class Result:
    """What came of a cell.

    `step` tells a patch that does not apply from a model that does not work; `level` is the level of
    the verification that failed. `seconds` is the wall time of both steps; apply, which the forms of
    one workspace share, counts for each.
    """

    status: Status
    step: Step | None = None
    level: str | None = None
    kind: str | None = None
    """Of a failure: `check-failed`, `environment`, `request`, `error`."""
    message: str = ""
    detail: tuple[str, ...] = ()
    seconds: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Parameters and GFLOPs, where the model was built."""
    versions: Mapping[str, str] = field(default_factory=dict)
    base: str | None = None
    """The commit of the patched tree."""

    @property
    def state(self) -> str:
        """`ok`, `skipped`, `failed: apply`, `failed: verify forward`, `failed: verify (environment)`."""
        if self.status != "failed":
            return self.status
        environment = f"({ENVIRONMENT})" if self.kind == ENVIRONMENT else None
        return " ".join(("failed:", *filter(None, (self.step, self.level, environment))))


@dataclass(frozen=True)
class Outcome:
    """A cell with its result; `kept`: the result is of an earlier run."""

    cell: Cell
    result: Result
    kept: bool = False


@dataclass(frozen=True)
class Report:
    """The whole matrix, in its order."""

    outcomes: Sequence[Outcome]
    level: str
    origin: str
    seconds: float
    interrupted: bool = False

    def count(self, status: Status) -> int:
        """How many cells have that status."""
        return sum(outcome.result.status == status for outcome in self.outcomes)

    @property
    def failed(self) -> list[Outcome]:
        """The cells that failed."""
        return [outcome for outcome in self.outcomes if outcome.result.status == "failed"]

    @property
    def kept(self) -> int:
        """How many results are of an earlier run."""
        return sum(outcome.kept for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """0 fine, 1 a cell failed, 3 the environment failed for all cells, 130 interrupted."""
        if self.interrupted:
            return 130
        failed = self.failed
        if not failed:
            return 0
        ran = len(self.outcomes) - self.count("skipped")
        return 3 if len(failed) == ran and all(one.result.kind == ENVIRONMENT for one in failed) else 1

    def to_json(self) -> dict[str, Any]:
        """A document of plain values."""
        return {
            "schema": 1,
            "ok": self.exit_code == 0,
            "level": self.level,
            "origin": self.origin,
            "interrupted": self.interrupted,
            "seconds": round(self.seconds, 2),
            "counts": {"all": len(self.outcomes), **{status: self.count(status) for status in _STATUSES}},
            "cells": [{**asdict(one.cell), **asdict(one.result), "kept": one.kept} for one in self.outcomes],
        }


_STATUSES: tuple[Status, ...] = ("ok", "failed", "skipped")
