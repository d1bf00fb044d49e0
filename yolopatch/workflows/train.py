"""Trains in a workspace by upstream's own program, and leaves a run in one shape for all YOLOs."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from yolopatch import __version__
from yolopatch.catalog import Catalog
from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.runs import folder
from yolopatch.runs.command import Launch, command_line, overridden
from yolopatch.runs.data import write_data
from yolopatch.runs.folder import Record, RunFolder
from yolopatch.runs.looking import ModelSource, Sight
from yolopatch.runs.spec import Option
from yolopatch.workflows.session import Session, claimed
from yolopatch.workflows.stage import Stage, checked_data, open_stage, refuse_controlled, require_file, sight
from yolopatch.workflows.status import inspect

_LEAST_SHARE = 0.05  # of the model's numbers that weights must fit: less is chance, tensors of one number
OURS = {
    "config": "--form",
    "weights": "--weights",
    "data": "--data",
    "epochs": "--epochs",
    "imgsz": "--imgsz",
    "batch": "--batch",
    "device": "--device",
    "seed": "--seed",
    "workers": "--workers",
    "place": "--name",
    "resume": "--resume",
}
"""Which option of ours sets what, so that upstream's own arguments need not."""


@dataclass(frozen=True)
class TrainRequest:
    """A new training. `further` are upstream's own arguments."""

    workspace: Path
    data: Path
    epochs: int = 100
    imgsz: int = 640
    batch: int = 16
    device: str | None = None
    weights: Path | None = None
    seed: int = 0
    form: str | None = None
    name: str | None = None
    workers: int | None = None
    python: str | None = None
    check: bool = True
    launch: Launch = field(default_factory=Launch)
    further: tuple[str, ...] = ()


def train(request: TrainRequest, reporter: Reporter) -> Record:
    """Train anew; the run's record.

    Everything is checked before the run's folder is made.

    Raises:
        RequestError: the workspace, the data, the weights or an argument is wrong.
        EnvironmentFailed: a package or device is missing, or memory ran out.
        CheckFailed: upstream's program failed.
    """
    stage = open_stage(request.workspace, request.form, request.python)
    stage.require(stage.interface.train, stage.form.scripts.train)
    stage.require_config()
    _check_numbers(request)
    _check_launch(stage, request)
    refuse_controlled(stage.interface.train, request.further, OURS)
    if request.name is not None:
        folder.check_name(request.name)
    if request.weights is not None and "weights" in stage.pin.lacks_options:
        raise RequestError(
            f"{stage.upstream.title} {stage.pin.name} trains a model YAML from no --weights; use a later --pin"
        )
    if request.weights is not None:
        require_file(request.weights)
    dataset = checked_data(request.data, check=request.check, reporter=reporter)
    weights = request.weights.absolute() if request.weights else None
    model = _model(stage, len(dataset.names)) if weights else None
    seen, device = sight(stage, _devices(request), weights=weights, model=model, reporter=reporter)
    if weights is not None and seen.weights is not None:
        _check_fit(stage, weights, seen.weights, reporter)
    _say_classes(stage, len(dataset.names), reporter)
    edited = _edited(stage, reporter)
    run = folder.create(stage.workspace, request.name, folder.TRAINING)
    with claimed(run):
        data = write_data(dataset, run.path / "data")
        values = _values(stage, request, run, data, device, weights)
        command = command_line(
            stage.interface.train,
            stage.workspace,
            stage.python,
            values,
            script=stage.form.scripts.train,
            without=stage.pin.lacks_words,
            further=overridden(stage.recipe, request.further),
            launch=request.launch,
        )
        record = _record(stage, request, run, command, seen, device, edited)
        run.write(record)
        return Session(stage, run, record, reporter).start(command)


def _check_numbers(request: TrainRequest) -> None:
    least = {"epochs": 1, "imgsz": 32, "batch": 1}
    for name, low in least.items():
        value = getattr(request, name)
        if value < low:
            raise RequestError(f"--{name} is {value}; it must be {low} or more")
    if request.workers is not None and request.workers < 0:
        raise RequestError(f"--workers is {request.workers}; it must be 0 or more")
    if not 0 <= request.seed < 2**31:
        raise RequestError(f"--seed is {request.seed}; it must be 0 to {2**31 - 1}")


def _check_launch(stage: Stage, request: TrainRequest) -> None:
    launch, can = request.launch, stage.interface.distributed
    if launch.processes < 1 or launch.machines < 1 or not 0 <= launch.rank < launch.machines:
        raise RequestError("--nproc and --nnodes count from 1, --node-rank from 0 to below --nnodes")
    if not launch.distributed:
        return
    if launch.machines > 1 and not can.machines:
        raise RequestError(
            f"{stage.upstream.title} trains on one machine: it takes GPU number RANK, counted over all machines; "
            "leave out --nnodes"
        )
    if launch.machines > 1 and not (launch.master or "").rpartition(":")[2].isdecimal():
        raise RequestError("--nnodes needs --master ADDRESS:PORT, the same on every machine")
    if request.device == "cpu" and not can.cpu:
        raise RequestError(
            f"{stage.upstream.title}'s distributed training takes a GPU for each process, not the CPU; "
            "leave out --nproc, or name GPUs: --device 0,1"
        )
    total = launch.processes * launch.machines
    if request.batch % total:
        raise RequestError(f"--batch {request.batch} must be a multiple of the {total} processes that share it")


def _devices(request: TrainRequest) -> str | None:
    """The device that is asked for; of a distributed training one GPU for each process."""
    wanted = request.launch.processes
    if not request.launch.distributed or request.device == "cpu":
        return request.device
    device = request.device or ",".join(str(number) for number in range(wanted))
    if len(device.split(",")) != wanted:
        raise RequestError(
            f"--nproc {wanted} and --device {device} disagree; name {wanted} GPUs, or leave out --device"
        )
    return device


def _model(stage: Stage, classes: int) -> ModelSource:
    spec = Catalog().probe(stage.upstream.yolo).model
    return ModelSource(stage.config, spec.class_, spec.arguments, classes)


def _check_fit(stage: Stage, weights: Path, found: dict[str, Any], reporter: Reporter) -> None:
    tensors = f"{found['fitting']} of {found['tensors']} tensors"
    if found["share"] < _LEAST_SHARE:
        raise RequestError(
            f"{weights} does not fit {stage.config}: {tensors} have the same name and shape; they are of another "
            "variant or YOLO: name weights of this one, or leave out --weights"
        )
    reporter.note(f"weights: {tensors} of {weights} fit, {found['share']:.0%} of the model's numbers")


def _say_classes(stage: Stage, classes: int, reporter: Reporter) -> None:
    """All build the model for the data's number of classes; the user should know that the YAML's does not count."""
    if stage.lock.inputs.classes != classes:
        reporter.note(
            f"{stage.config} has {stage.lock.inputs.classes} classes and the data {classes}; "
            f"{stage.upstream.title} builds the model for {classes}"
        )


def _edited(stage: Stage, reporter: Reporter) -> list[str] | None:
    """The files that were edited since apply, own commits included; None where that cannot be told."""
    if not (stage.workspace / ".git").exists():
        reporter.note(f"{stage.shown}: its .git is gone, so the run cannot say which files were edited")
        return None
    status = inspect(stage.workspace)
    if not status.clean:
        reporter.note(f"{stage.shown}: {status.describe(new=False)}; trained as it is, and noted in run.json")
    return [*status.edited, *(f"commit {commit}" for commit in status.commits)]


def _values(
    stage: Stage, request: TrainRequest, run: RunFolder, data: Path, device: str, weights: Path | None
) -> dict[Option, str]:
    workers = (2 if device == "cpu" else 8) if request.workers is None else request.workers
    values: dict[Option, str] = {
        "config": stage.config,
        "data": str(data),
        "epochs": str(request.epochs),
        "imgsz": str(request.imgsz),
        "batch": str(request.batch),
        "device": device,
        "seed": str(request.seed),
        "workers": str(workers),
        "place": str(run.upstream),
    }
    return {**values, **({"weights": str(weights)} if weights else {"scratch": ""})}


def _record(
    stage: Stage,
    request: TrainRequest,
    run: RunFolder,
    command: list[str],
    seen: Sight,
    device: str,
    edited: list[str] | None,
) -> Record:
    arguments = {
        **{name: getattr(request, name) for name in ("epochs", "imgsz", "batch", "seed", "workers")},
        "data": str(request.data.absolute()),
        "device": device,
        "weights": str(request.weights.absolute()) if request.weights else None,
        "form": stage.form.name,
        "further": list(request.further),
        "recipe": list(stage.recipe),
        "launch": asdict(request.launch),
    }
    return {
        "format": 1,
        "name": run.name,
        "status": "running",
        "command": shlex.join(["yolopatch", *sys.argv[1:]]),
        "upstream_command": command,
        "arguments": arguments,
        "seed": request.seed,
        "versions": {**seen.versions, "yolopatch": __version__},
        "device": {"name": device, "gpus": list(seen.gpus)},
        "edited": edited,
        "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seconds": 0.0,
        "resumed": 0,
        "epochs_done": 0,
        "best": None,
        "peak_memory_bytes": None,
        "gpu_memory_bytes": None,
        "error": None,
        "lock": stage.lock.model_dump(mode="json"),
    }
