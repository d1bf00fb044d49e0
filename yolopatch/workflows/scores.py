"""Validates weights by upstream's own program, and by object size from the predictions that it writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.console import Reporter
from yolopatch.errors import CheckFailed
from yolopatch.evaluation import SizeReport, evaluate
from yolopatch.runs.command import command_line
from yolopatch.runs.data import as_val
from yolopatch.runs.failure import explain, tail
from yolopatch.runs.simple import run_to_log
from yolopatch.runs.spec import Option
from yolopatch.workflows.stage import Stage

_NUMBER = r"([-+\d.einfna]+)"
_ALL = re.compile(rf"^\s*all\s+(\d+)\s+(\d+)\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}\s*$")
"""Upstream's line for all classes: images, objects, P, R, mAP50, mAP50-95."""


@dataclass(frozen=True)
class Scores:
    """What upstream's validation printed, and the average precision by object size (None where nothing was found)."""

    precision: float
    recall: float
    map50: float
    map: float
    by_size: SizeReport | None
    predictions: Path | None

    def sizes(self) -> dict[str, float]:
        """The columns of results.csv that stand for object sizes; an absent size is left out."""
        if self.by_size is None:
            return {}
        values = {
            "AP": self.by_size.AP,
            "AP-small": self.by_size.AP_small,
            "AP-medium": self.by_size.AP_medium,
            "AP-large": self.by_size.AP_large,
        }
        return {name: value for name, value in values.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """For --json and run.json."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "mAP50": self.map50,
            "mAP50-95": self.map,
            "by_size": self.by_size.to_json() if self.by_size else None,
            "predictions": str(self.predictions) if self.predictions else None,
        }


def score(
    stage: Stage,
    weights: Path,
    data: Path,
    place: Path,
    *,
    imgsz: int,
    batch: int,
    device: str,
    split: str,
    reporter: Reporter,
    workers: int = 2,
    further: tuple[str, ...] = (),
) -> Scores:
    """Validate `weights` on `data`, a data YAML of ours; upstream writes into the folder `place`.

    Raises:
        CheckFailed: upstream's program failed, or printed no result.
        EnvironmentFailed: memory ran out.
    """
    program = stage.interface.val
    values: dict[Option, str] = {
        "weights": str(weights),
        "data": str(data),
        "imgsz": str(imgsz),
        "batch": str(batch),
        "device": device,
        "workers": str(workers),
        "split": split,
        "place": str(place),
    }
    if "split" in stage.pin.lacks_options:
        values["data"] = str(as_val(data, values.pop("split")))
    command = command_line(
        program,
        stage.workspace,
        stage.python,
        values,
        script=stage.form.scripts.val,
        without=stage.pin.lacks_words,
        further=further,
    )
    log = place.with_name(f"{place.name}.log")
    what = f"{stage.upstream.title}'s validation"
    for old in place.glob("*predictions.json"):
        old.unlink()
    with reporter.task(f"validate {weights.name}"):
        code = run_to_log(command, stage.workspace, stage.variables(), log, stream=reporter.verbose)
    if code != 0:
        raise explain(code, log, what, sizes=f" (now {batch} and {imgsz})")
    numbers = _printed(log)
    if numbers is None:
        raise CheckFailed(f"{what} printed no result (its output: {log})")
    predictions = next(iter(sorted(place.glob("*predictions.json"))), None)
    report = None
    if predictions is not None:
        with reporter.task("average precision by object size"):
            report = evaluate(predictions, data, split, first_category=stage.pin.first_category)
    return Scores(*numbers, report, predictions)


def _printed(log: Path) -> tuple[float, float, float, float] | None:
    for line in reversed(tail(log)):
        found = _ALL.match(line)
        if found:
            precision, recall, map50, whole = (float(value) for value in found.groups()[2:])
            return precision, recall, map50, whole
    return None
