"""Draws what trained weights find into pictures, by upstream's own program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolopatch.console import Reporter
from yolopatch.datasets.model import PICTURE_SUFFIXES
from yolopatch.errors import CheckFailed, RequestError
from yolopatch.runs import folder
from yolopatch.runs.command import command_line
from yolopatch.runs.failure import explain
from yolopatch.runs.simple import run_to_log
from yolopatch.workflows.stage import open_stage, refuse_controlled, sight, size_of

_OURS = {"weights": "--weights", "source": "--source", "imgsz": "--imgsz", "device": "--device", "place": "--out"}


@dataclass(frozen=True)
class PredictRequest:
    """Which pictures to draw into. `run` and `weights`: at most one; neither is the newest run."""

    workspace: Path
    source: Path
    run: str | None = None
    weights: Path | None = None
    out: Path | None = None
    imgsz: int | None = None
    device: str | None = None
    form: str | None = None
    python: str | None = None
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class Predicted:
    """The result."""

    weights: Path
    folder: Path
    pictures: tuple[Path, ...]


def predict(request: PredictRequest, reporter: Reporter) -> Predicted:
    """Save pictures with boxes to `out`, or to a new folder below the workspace's `runs/`.

    Raises:
        RequestError: the workspace, weights, source or an argument is wrong, or `out` has files in it.
        CheckFailed: upstream's program failed, or saved nothing.
        EnvironmentFailed: a package or device is missing, or memory ran out.
    """
    opened = open_stage(request.workspace, request.form, request.python)
    stage, weights, run = opened.trained(request.run, request.weights, request.form)
    refuse_controlled(stage.interface.predict, request.further, _OURS)
    stage.require(stage.interface.predict, stage.form.scripts.predict)
    source = request.source.absolute()
    if not source.exists():
        raise RequestError(f"{request.source}: no such picture or folder; name one with --source")
    if request.out is not None and request.out.exists() and (not request.out.is_dir() or any(request.out.iterdir())):
        raise RequestError(f"{request.out} exists and is not empty; choose another --out")
    _, device = sight(stage, request.device, weights=weights, reporter=reporter)
    made = folder.create(stage.workspace, None, "predict")
    place = request.out.absolute() if request.out else made.upstream
    command = command_line(
        stage.interface.predict,
        stage.workspace,
        stage.python,
        {
            "weights": str(weights),
            "source": str(source),
            "imgsz": str(size_of(run, request.imgsz)),
            "device": device,
            "place": str(place),
        },
        script=stage.form.scripts.predict,
        without=stage.pin.lacks_words,
        further=request.further,
    )
    with reporter.task(f"draw boxes into {request.source}"):
        code = run_to_log(command, stage.workspace, stage.variables(), made.log, stream=reporter.verbose)
    what = f"{stage.upstream.title}'s detection"
    if code != 0:
        raise explain(code, made.log, what, sizes=f" (now {size_of(run, request.imgsz)})")
    pictures = tuple(sorted(file for file in place.rglob("*") if file.suffix.lower() in PICTURE_SUFFIXES))
    if not pictures:
        raise CheckFailed(f"{what} saved no picture; is there one in {request.source}? (its output: {made.log})")
    return Predicted(weights, place, pictures)
