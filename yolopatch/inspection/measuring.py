"""The measures of every feature of one model, on one sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from yolopatch.inspection.measures import Array, Rebuilt, linear_cka, rebuild
from yolopatch.inspection.model import Feature, Inspected, Score
from yolopatch.inspection.sample import Sample


def measure(model: Inspected, files: Path, sample: Sample, step: Callable[[int, int, str], None]) -> Inspected:
    """The same model with its measures.

    An example of CKA is a square of 32 pixels: its feature is the mean over its cells, so that all strides have the
    same examples; the input is its 8x8 quarter-size pixels, the label the presence of each class.

    Args:
        model: with the features that `files` holds, `<number>.npy`.
        files: a folder.
        sample: what the features were taken on.
        step: called with the features done, the features in all, and the name of the next.
    """
    pixels = sample.target.reshape(len(sample.target), -1)
    scores: dict[int, Score] = {}
    columns = sorted({one.depth for one in model.features if one.level is not None})
    total = len(model.features) + len(columns) + 1
    for done, one in enumerate(model.features):
        step(done, total, one.name)
        values = _read(files, one)
        pooled = values.mean((1, 2))
        scores[one.number] = Score(
            _rebuilt([values], sample), linear_cka(pooled, pixels), linear_cka(pooled, sample.labels)
        )
    whole: dict[int, Rebuilt] = {}
    for done, column in enumerate(columns, len(model.features)):
        step(done, total, f"column {column}")
        whole[column] = _together(
            files, (one for one in model.features if one.depth == column and one.level is not None), sample
        )
    step(total - 1, total, "what the neck takes")
    taken = model.taken()
    return replace(model, scores=scores, columns=whole, neck=_together(files, taken, sample) if taken else None)


def _together(files: Path, features: Iterable[Feature], sample: Sample) -> Rebuilt:
    return _rebuilt([_read(files, one) for one in features], sample)


def _rebuilt(features: list[Array], sample: Sample) -> Rebuilt:
    return rebuild(features, sample.target, sample.pictures, sample.held_out)


def _read(files: Path, one: Feature) -> Array:
    found: Array = np.load(files / f"{one.number}.npy", mmap_mode="r")
    return found
