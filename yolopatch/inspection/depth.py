"""The figure that shows, by depth, what a backbone keeps of the input and learns of the label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from yolopatch.inspection.model import Feature, Inspected, Score
from yolopatch.inspection.words import Words, figure, settings

# One colour a stride, from fine to coarse, told apart without seeing red and green.
_COLOURS = {2: "#999999", 4: "#4477aa", 8: "#66ccee", 16: "#ccbb44", 32: "#ee6677"}
_OTHER = "#aa3377"
_BY_KEY: dict[str, Callable[[Score], float | None]] = {
    "rebuilt": lambda score: score.rebuilt.r2,
    "cka_input": lambda score: score.cka_input,
    "cka_label": lambda score: score.cka_label,
}
_MOST_TICKS = 14
_LOWEST = -0.1  # of an R² that is shown; a lower one is drawn here


def draw_depth(models: Sequence[Inspected], folder: Path, words: Words) -> list[Path]:
    """Write `depth.svg` and `depth.png`: a row a measure, a column a model, the same scale in each row."""
    with settings(words.language)():
        drawn = figure(1.2 + 4.4 * len(models), 7.4)
        axes = drawn.subplots(len(_BY_KEY), len(models), sharey="row", sharex="col", squeeze=False)
        for row, key in enumerate(_BY_KEY):
            for column, model in enumerate(models):
                _panel(axes[row][column], model, key, words)
            axes[row][0].set_ylabel(words(key))
        for column, model in enumerate(models):
            axes[0][column].set_title(words("random" if model.weights is None else "trained", name=model.name))
            _depths(axes[-1][column], model, words)
        _legend(drawn, axes, models, words)
        files = [folder / "depth.svg", folder / "depth.png"]
        drawn.savefig(files[0], metadata={"Date": None})
        drawn.savefig(files[1], dpi=110)
    return files


def _panel(axes: Any, model: Inspected, key: str, words: Words) -> None:
    axes.grid(True, linewidth=0.4, alpha=0.6)
    axes.axhline(0.0, color="black", linewidth=0.6)
    lines: dict[object, list[Feature]] = {}
    for one in model.features:  # a plain backbone is one line, RevCol one for each level
        lines.setdefault(one.level if model.revcol else "plain", []).append(one)
    for line in lines.values():
        points = [(one.depth, _value(model, one, key), one) for one in line]
        shown = [(x, y, one) for x, y, one in points if y is not None]
        colour = _colour(shown[-1][2]) if model.revcol and shown else "#bbbbbb"
        axes.plot([x for x, _, _ in shown], [y for _, y, _ in shown], color=colour, linewidth=1.3, zorder=2)
        axes.scatter(
            [x for x, _, _ in shown], [y for _, y, _ in shown], c=[_colour(one) for _, _, one in shown], s=22, zorder=3
        )
    if key == "rebuilt":
        if model.columns:
            axes.plot([*model.columns], [max(one.r2, _LOWEST) for one in model.columns.values()], "k--", marker=".")
        if model.neck:
            axes.axhline(max(model.neck.r2, _LOWEST), color="black", linestyle=":", linewidth=1.0)


def _value(model: Inspected, one: Feature, key: str) -> float | None:
    value = _BY_KEY[key](model.scores[one.number])
    return None if value is None else max(value, _LOWEST)


def _depths(axes: Any, model: Inspected, words: Words) -> None:
    if model.revcol:
        axes.set_xlabel(words("by_column"))
        every = 1 + model.revcol.columns // _MOST_TICKS
        axes.set_xticks(range(0, model.revcol.columns + 1, every))
        return
    axes.set_xlabel(words("by_row"))
    every = 1 + len(model.features) // _MOST_TICKS
    shown = model.features[::every]
    axes.set_xticks([one.depth for one in shown], [one.name for one in shown], rotation=60, ha="right", fontsize=7)


def _legend(drawn: Any, axes: Any, models: Sequence[Inspected], words: Words) -> None:
    """Strides, then what the black lines are."""
    strides = sorted({one.stride for model in models for one in model.features})
    handles = [
        axes[0][0].scatter(
            [], [], color=_COLOURS.get(int(stride), _OTHER), s=22, label=words("stride", stride=f"{stride:g}")
        )
        for stride in strides
    ]
    if any(model.columns for model in models):
        handles += axes[0][0].plot([], [], "k--", marker=".", label=words("column"))
    handles += axes[0][0].plot([], [], "k:", linewidth=1.0, label=words("neck"))
    drawn.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 4), fontsize=8, frameon=False)


def _colour(one: Feature) -> str:
    return _COLOURS.get(int(one.stride), _OTHER)
