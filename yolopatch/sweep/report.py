"""What came of a sweep: each cell, and each model over its seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from yolopatch.sweep.cells import Cell

Status = Literal["finished", "failed", "interrupted", "waiting"]

METRICS = ("mAP50", "mAP50-95", "AP-small")


@dataclass(frozen=True)
class Result:
    """One cell. `kept`: it was finished in an earlier sitting."""

    cell: Cell
    status: Status
    metrics: Mapping[str, float]
    seconds: float
    epochs: int
    workspace: str
    log: str
    by_hand: str
    """The command that does this cell alone."""
    attempts: int = 0
    kept: bool = False
    kind: str = ""
    message: str = ""
    detail: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        failure = {"kind": self.kind, "message": self.message, "detail": list(self.detail)}
        return {
            **self.cell.to_json(),
            "status": self.status,
            "kept": self.kept,
            "metrics": dict(self.metrics),
            "epochs_done": self.epochs,
            "seconds": self.seconds,
            "workspace": self.workspace,
            "run": self.cell.run,
            "log": self.log,
            "attempts": self.attempts,
            "failure": failure if self.status == "failed" else None,
            "by_hand": self.by_hand,
        }


@dataclass(frozen=True)
class Mean:
    """A number over seeds. `spread` is the sample's standard deviation; None of one seed."""

    mean: float
    spread: float | None
    count: int


@dataclass(frozen=True)
class Report:
    """The whole sweep, in its order."""

    name: str
    folder: str
    results: Sequence[Result]
    left_out: tuple[str, ...] = ()
    interrupted: bool = False
    going_on: tuple[str, ...] = ()
    """Jobs that live on after an interrupt."""

    def count(self, status: Status) -> int:
        """How many cells are so."""
        return sum(result.status == status for result in self.results)

    @property
    def failed(self) -> list[Result]:
        """The cells that failed."""
        return [result for result in self.results if result.status == "failed"]

    @property
    def exit_code(self) -> int:
        """0 fine, 1 a cell failed, 130 interrupted."""
        if self.interrupted:
            return 130
        return 1 if self.failed else 0

    def models(self) -> dict[str, dict[str, Mean]]:
        """Each model's metrics over the seeds that are finished."""
        found: dict[str, list[Result]] = {}
        for result in self.results:
            if result.status == "finished":
                found.setdefault(result.cell.shown_model, []).append(result)
        return {model: _means(results) for model, results in found.items()}

    def to_json(self) -> dict[str, Any]:
        """A document of plain values."""
        statuses: tuple[Status, ...] = ("finished", "failed", "interrupted", "waiting")
        models = [
            {"model": model, **{name: vars(mean) for name, mean in means.items()}}
            for model, means in self.models().items()
        ]
        return {
            "schema": 1,
            "ok": self.exit_code == 0,
            "name": self.name,
            "folder": self.folder,
            "interrupted": self.interrupted,
            "jobs_going_on": list(self.going_on),
            "counts": {"all": len(self.results), **{status: self.count(status) for status in statuses}},
            "left_out": list(self.left_out),
            "cells": [result.to_json() for result in self.results],
            "models": models,
        }


def metrics_of(record: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of a run's best epoch, those that it has and that are numbers."""
    best = record.get("best") or {}
    found = {name: float(best[name]) for name in METRICS if isinstance(best.get(name), int | float)}
    return {name: value for name, value in found.items() if math.isfinite(value)}


def _means(results: Sequence[Result]) -> dict[str, Mean]:
    columns: dict[str, list[float]] = {}
    for result in results:
        for name, value in (*result.metrics.items(), ("minutes", result.seconds / 60)):
            columns.setdefault(name, []).append(value)
    return {name: _mean(values) for name, values in columns.items()}


def _mean(values: Sequence[float]) -> Mean:
    return Mean(statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None, len(values))
