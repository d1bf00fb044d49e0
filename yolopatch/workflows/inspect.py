"""Shows what the backbone of a workspace keeps, beside that of another one."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolopatch.catalog import Catalog
from yolopatch.console import Reporter
from yolopatch.datasets import load_dataset
from yolopatch.datasets.model import Dataset
from yolopatch.datasets.place import new_folder, refuse_taken
from yolopatch.errors import RequestError
from yolopatch.inspection.depth import draw_depth
from yolopatch.inspection.diagram import to_svg
from yolopatch.inspection.maps import draw_maps
from yolopatch.inspection.measures import Array
from yolopatch.inspection.measuring import measure
from yolopatch.inspection.model import Inspected
from yolopatch.inspection.sample import BLOCK, CELL, Sample, draw, letterbox
from yolopatch.inspection.words import Words, settings
from yolopatch.runs.folder import RunFolder
from yolopatch.verify.inspect import InspectRequest, run_inspect
from yolopatch.verify.runner import torch_device
from yolopatch.workflows.stage import Stage, open_stage, require_file, size_of, trained_or_none

_DEFAULT = Path("runs/inspect")


@dataclass(frozen=True)
class InspectionRequest:
    """What to look into, on what. `run`, `weights` and `random`: at most one; none is the newest run, or random."""

    workspace: Path
    image: Path | None = None
    data: Path | None = None
    run: str | None = None
    weights: Path | None = None
    random: bool = False
    against: Path | None = None
    against_weights: Path | None = None
    split: str = "val"
    images: int = 128
    imgsz: int | None = None
    seed: int = 0
    device: str = "cpu"
    form: str | None = None
    lang: str = "en"
    out: Path | None = None
    python: str | None = None


@dataclass(frozen=True)
class Inspection:
    """The models, and the files that were written; `settings` says what the measures were taken on."""

    models: tuple[Inspected, ...]
    files: tuple[Path, ...]
    settings: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "settings": self.settings,
            "models": [model.to_json() for model in self.models],
            "files": [str(file) for file in self.files],
        }


@dataclass(frozen=True)
class _Subject:
    """One workspace with its weights; None are random ones."""

    stage: Stage
    weights: Path | None
    run: RunFolder | None

    @property
    def name(self) -> str:
        return f"{self.stage.upstream.title} {self.stage.lock.inputs.variant}"


def inspect(request: InspectionRequest, reporter: Reporter) -> Inspection:
    """Look into one or two models and draw what was found into a new folder, which appears at the end or not at all.

    Raises:
        RequestError: a workspace, weights, data, the picture or an argument is wrong, or `out` is taken.
        CheckFailed: upstream's code fails.
        EnvironmentFailed: a package, a font or the device is missing.
    """
    words = Words(request.lang)
    settings(request.lang)  # before anything takes time
    subjects = _subjects(request)
    size = _size(subjects, request.imgsz)
    dataset = _dataset(request)
    out = _free(request.out)
    refuse_taken(out, labels=False)
    picture = _picture(request.image, size)
    for subject in subjects:
        if subject.weights is None:
            reporter.warn(f"{subject.stage.shown}: the weights are random; train first, or name --weights")
    with tempfile.TemporaryDirectory(prefix="yolopatch-inspect-") as place:
        scratch = Path(place)
        sample = _sample(request, dataset, size, scratch, reporter) if dataset else None
        look = _look(picture, sample, scratch)
        models = [
            _one(subject, request, size, sample, look, scratch / str(number), reporter)
            for number, subject in enumerate(subjects)
        ]
        found = Inspection(tuple(models), (), _settings(request, size, sample))
        with reporter.task("draw"), new_folder(out, labels=False) as folder:
            names = _draw(found, look, scratch, folder, words)
    return Inspection(found.models, tuple(out / name for name in names), found.settings)


def _subjects(request: InspectionRequest) -> list[_Subject]:
    given = [one for one in (request.run, request.weights, request.random or None) if one is not None]
    if len(given) > 1:
        raise RequestError("name one of --run, --weights and --random")
    if request.against_weights is not None and request.against is None:
        raise RequestError("--against-weights needs --against, the workspace that they are of")
    found = [_subject(request.workspace, request, request.run, request.weights)]
    if request.against is not None:
        found.append(_subject(request.against, request, None, request.against_weights))
    # The plain backbone stands first: what it forgets is what the other one is for.
    return sorted(found, key=lambda one: one.stage.lock.inputs.variant.startswith("revcol"))


def _subject(workspace: Path, request: InspectionRequest, run: str | None, weights: Path | None) -> _Subject:
    stage = open_stage(workspace, request.form if workspace == request.workspace else None, request.python)
    if request.random:
        return _Subject(stage, None, None)
    if weights is not None:
        require_file(weights)
    return _Subject(*trained_or_none(stage, run, weights, request.form))


def _size(subjects: list[_Subject], imgsz: int | None) -> int:
    """The side of the pictures: as asked for or as the first run was trained, in whole squares."""
    runs = [one.run for one in subjects if one.run is not None]
    size = size_of(runs[0] if runs else None, imgsz)
    return -(-size // BLOCK) * BLOCK


def _dataset(request: InspectionRequest) -> Dataset | None:
    if request.data is None:
        return None
    dataset = load_dataset(request.data)
    if request.split not in dataset.splits:
        raise RequestError(f"{request.data} has no split '{request.split}', only {', '.join(dataset.splits)}")
    return dataset


def _free(out: Path | None) -> Path:
    """The folder that was asked for, or the first free one of runs/inspect, runs/inspect-2, ..."""
    if out is not None:
        return out
    number, free = 1, _DEFAULT
    while free.exists():
        number += 1
        free = _DEFAULT.with_name(f"{_DEFAULT.name}-{number}")
    return free


def _sample(request: InspectionRequest, dataset: Dataset, size: int, scratch: Path, reporter: Reporter) -> Sample:
    pictures = dataset.splits[request.split]
    with reporter.task(f"read {min(request.images, len(pictures))} pictures", float(request.images)) as task:
        sample = draw(
            pictures,
            len(dataset.names),
            size,
            request.images,
            request.seed,
            lambda done, total: task.update(done, total),
        )
    np.save(scratch / "images.npy", sample.images)
    np.save(scratch / "blocks.npy", sample.blocks)
    return sample


def _picture(image: Path | None, size: int) -> Array | None:
    """The picture that was asked for; one that cannot be read should not cost the reading of all others."""
    if image is None:
        return None
    picture = np.full((size, size, 3), 114, dtype=np.uint8)
    letterbox(image, picture)
    return picture


def _look(picture: Array | None, sample: Sample | None, scratch: Path) -> Array | None:
    """The picture whose features are shown: the one asked for, or the one with most objects of those drawn."""
    look = picture
    if look is None and sample is not None:
        objects = np.bincount(sample.pictures, sample.labels.sum(1), minlength=len(sample.images))
        look = sample.images[int(objects.argmax())]
    if look is None:
        return None
    np.save(scratch / "look.npy", look)
    return look


def _one(
    subject: _Subject,
    request: InspectionRequest,
    size: int,
    sample: Sample | None,
    look: Array | None,
    features: Path,
    reporter: Reporter,
) -> Inspected:
    """Run one model and measure it."""
    stage, scratch = subject.stage, features.parent
    features.mkdir()
    probe = InspectRequest(
        spec=Catalog().probe(stage.upstream.yolo).for_form(stage.form.name),
        config=stage.config,
        nc=stage.lock.inputs.classes,
        weights=subject.weights,
        imgsz=size,
        block=BLOCK,
        seed=request.seed,
        images=scratch / "images.npy" if sample else None,
        blocks=scratch / "blocks.npy" if sample else None,
        look=scratch / "look.npy" if look is not None else None,
        features=features,
        device=torch_device(request.device),
    )
    facts = run_inspect(stage.workspace, probe, python=Path(stage.python), shown=stage.shown, reporter=reporter)
    weights = str(subject.weights) if subject.weights else None
    model = Inspected.of(facts, name=subject.name, workspace=stage.shown, weights=weights)
    if sample is None:
        return model
    _check_classes(subject, facts["classes"], sample, request)
    with reporter.task(f"measure {stage.shown}") as task:
        return measure(model, features, sample, lambda done, total, name: task.update(done, total, f"measure {name}"))


def _check_classes(subject: _Subject, have: int | None, sample: Sample, request: InspectionRequest) -> None:
    want = sample.labels.shape[1]
    if subject.weights is not None and have is not None and have != want:
        raise RequestError(
            f"{subject.weights} knows {have} classes and {request.data} has {want}; "
            "name the data set that it was trained on"
        )


def _settings(request: InspectionRequest, size: int, sample: Sample | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "imgsz": size,
        "seed": request.seed,
        "image": str(request.image) if request.image else None,
    }
    if sample is not None:
        held = sample.held_out
        found |= {
            "data": str(request.data),
            "split": request.split,
            "images": len(sample.images),
            "square": BLOCK,
            "rebuilt_at": f"1/{CELL} of the sides",
            "squares_fitted": int((~held).sum()),
            "squares_held_out": int(held.sum()),
            "pictures_held_out": len(np.unique(sample.pictures[held])),
        }
    return found


def _draw(found: Inspection, look: Array | None, scratch: Path, folder: Path, words: Words) -> list[str]:
    """Write the files; their names."""
    names = []
    kinds = [model.kind for model in found.models]
    for number, model in enumerate(found.models):
        suffix = ("" if len(kinds) == 1 else f"-{model.kind}") if kinds.count(model.kind) == 1 else f"-{number + 1}"
        diagram = folder / f"diagram{suffix}.svg"
        diagram.write_text(to_svg(model, words), encoding="utf-8")
        names.append(diagram.name)
        if look is not None:
            maps = draw_maps(model, look, scratch / str(number), folder / f"maps{suffix}.png", words)
            names.append(maps.name)
    if found.models[0].scores:
        names += [file.name for file in draw_depth(found.models, folder, words)]
    report = {"settings": found.settings, "models": [model.to_json() for model in found.models]}
    (folder / "inspect.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return [*names, "inspect.json"]
