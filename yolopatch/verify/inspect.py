"""Look into one model inside its tree, in a process of its own."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.console import Reporter, Task

from .spec import FormSpec
from .step import Step, run_step

_LIMIT = 7200.0  # seconds


@dataclass(frozen=True)
class InspectRequest:
    """Which model, and what to run it on.

    `config` is the model YAML relative to the tree; without `weights` they are random, of `seed`. `images`, `blocks`
    and `look` are files as `probe/inspecting.py` describes them; `features` is the folder for what is found.
    """

    spec: FormSpec
    config: str
    nc: int
    weights: Path | None
    imgsz: int
    block: int
    seed: int
    images: Path | None
    blocks: Path | None
    look: Path | None
    features: Path
    device: str = "cpu"
    """As torch calls it."""


def run_inspect(
    workspace: Path, request: InspectRequest, *, python: Path, shown: str, reporter: Reporter
) -> dict[str, Any]:
    """Run the model; the facts about it. Nothing is written but in `request.features`.

    Raises:
        RequestError: the weights are not of this tree, or there is no such interpreter.
        CheckFailed: upstream's code fails.
        EnvironmentFailed: the interpreter lacks a package, or the device is not available.
    """
    scratch = tempfile.TemporaryDirectory(prefix="yolopatch-inspect-")
    with scratch as place, reporter.task(f"run {shown}", total=1.0) as task:
        return _run(workspace, request, python, Path(place), task)


def _run(workspace: Path, request: InspectRequest, interpreter: Path, scratch: Path, task: Task) -> dict[str, Any]:
    step = Step(
        document=_document(request, scratch),
        limit=_LIMIT,
        weights=request.weights,
        progress=lambda event: task.update(event["done"], event["total"], event["text"]),
        failed=lambda message: _failed(workspace, message),
        no_device=lambda message: (
            f"device '{request.device}' is not available to {interpreter} ({message}); use --device cpu"
        ),
    )
    return run_step(workspace, step, python=interpreter, scratch=scratch)


def _failed(workspace: Path, message: str) -> str:
    return f"the model of {workspace} could not be run: {message}; yolopatch verify tells more; nothing was written"


def _document(request: InspectRequest, scratch: Path) -> dict[str, Any]:
    return {
        "level": "inspect",
        "spec": request.spec.model_dump(mode="json", by_alias=True),
        "config": request.config,
        "nc": request.nc,
        "strides": [],
        "scratch": str(scratch),
        "device": request.device,
        "imgsz": request.imgsz,
        "block": request.block,
        "seed": request.seed,
        "weights": _path(request.weights),
        "images": _path(request.images),
        "blocks": _path(request.blocks),
        "look": _path(request.look),
        "features": _path(request.features),
    }


def _path(path: Path | None) -> str | None:
    return str(path.absolute()) if path else None
