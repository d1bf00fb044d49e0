"""The features of one picture in one grid."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from yolopatch.inspection.measures import Array
from yolopatch.inspection.model import LEVELS, Feature, Inspected
from yolopatch.inspection.words import Words, figure, settings

_ACROSS = 6  # of a plain backbone's rows
_SIDE = 1.35  # inches


def draw_maps(model: Inspected, picture: Array, files: Path, file: Path, words: Words) -> Path:
    """Write the grid to `file`: of RevCol a row a level and a column a column, of a plain backbone its rows in turn.

    Bright is where a feature is far from its mean over places (root mean square over channels); every feature has a
    scale of its own.

    Args:
        model: what `files` holds `map-<number>.npy` of.
        picture: (S, S, 3), as the model saw it.
        files: a folder.
        file: the PNG to write.
        words: the language.
    """
    places, down, across = _places(model)
    with settings(words.language)():
        drawn = figure(_SIDE * across + 0.4, (_SIDE + 0.22) * down + 0.5)
        axes = drawn.subplots(down, across, squeeze=False)
        for one in axes.flat:
            one.set_axis_off()
        _show(axes[0][0], picture, words("picture"))
        for one in model.features:
            row, column = places[one.number]
            _show(axes[row][column], np.load(files / f"map-{one.number}.npy"), _title(one, words))
        drawn.suptitle(words("maps", name=model.name), fontsize=10)
        drawn.savefig(file, dpi=100)
    return file


def _places(model: Inspected) -> tuple[dict[int, tuple[int, int]], int, int]:
    """Row and column of each feature, and how many of them there are; the picture has the first place."""
    if model.revcol:
        places = {one.number: (1, 0) if one.level is None else (one.level, one.depth) for one in model.features}
        return places, LEVELS, model.revcol.columns + 1
    places = {one.number: divmod(at, _ACROSS) for at, one in enumerate(model.features, 1)}
    return places, math.ceil((len(model.features) + 1) / _ACROSS), _ACROSS


def _title(one: Feature, words: Words) -> str:
    where = one.name if one.level is None else words("column_number", column=one.depth)
    return f"{where}\n{one.channels} × /{one.stride:g}"


def _show(axes: Any, values: Array, title: str) -> None:
    axes.imshow(values, cmap="magma", interpolation="nearest")
    axes.set_title(title, fontsize=7, pad=2)
