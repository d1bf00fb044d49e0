"""Validates trained weights: upstream's own numbers, and average precision by object size."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.runs import folder
from yolopatch.runs.data import write_data
from yolopatch.workflows.scores import Scores, score
from yolopatch.workflows.stage import (
    Stage,
    checked_data,
    open_stage,
    refuse_controlled,
    sight,
    size_of,
)

_OURS = {
    "weights": "--weights",
    "data": "--data",
    "imgsz": "--imgsz",
    "batch": "--batch",
    "device": "--device",
    "workers": "--workers",
    "split": "--split",
    "place": "--name",
}


@dataclass(frozen=True)
class ValRequest:
    """What to validate on what. `run` and `weights`: at most one; neither is the newest run."""

    workspace: Path
    data: Path
    run: str | None = None
    weights: Path | None = None
    split: str = "val"
    imgsz: int | None = None
    batch: int = 16
    device: str | None = None
    form: str | None = None
    name: str | None = None
    workers: int = 2
    python: str | None = None
    check: bool = True
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validated:
    """The result."""

    weights: Path
    folder: Path
    scores: Scores


def val(request: ValRequest, reporter: Reporter) -> Validated:
    """Validate by upstream's own program, into a new folder below the workspace's `runs/`.

    Raises:
        RequestError: the workspace, weights, data or an argument is wrong.
        CheckFailed: upstream's program failed.
        EnvironmentFailed: a package or device is missing, or memory ran out.
    """
    opened = open_stage(request.workspace, request.form, request.python)
    stage, weights, run = opened.trained(request.run, request.weights, request.form)
    refuse_controlled(stage.interface.val, request.further, _OURS)
    stage.require(stage.interface.val, stage.form.scripts.val)
    dataset = checked_data(request.data, check=request.check, reporter=reporter)
    if request.split not in dataset.splits:
        raise RequestError(f"{request.data} has no split '{request.split}', only {', '.join(dataset.splits)}")
    seen, device = sight(stage, request.device, weights=weights, reporter=reporter)
    _check_classes(stage, weights, (seen.weights or {}).get("nc"), len(dataset.names), request.data)
    made = folder.create(stage.workspace, request.name, "val")
    scores = score(
        stage,
        weights,
        write_data(dataset, made.path / "data"),
        made.upstream,
        imgsz=size_of(run, request.imgsz),
        batch=request.batch,
        device=device,
        split=request.split,
        workers=request.workers,
        further=request.further,
        reporter=reporter,
    )
    return Validated(weights, made.path, scores)


def _check_classes(stage: Stage, weights: Path, have: int | None, want: int, data: Path) -> None:
    if have is not None and have != want:
        raise RequestError(
            f"{weights} knows {have} classes and {data} has {want}; name the data set that it was trained on"
        )
