"""What the charts of the report are drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yolopatch.compare.columns import Column, value_of
from yolopatch.compare.comparison import Comparison
from yolopatch.compare.strings import LANGUAGES, label

# What is across and up at first: the first that there is.
_ACROSS = ("latency", "onnx_latency", "step", "parameters")
_UP = ("mAP50-95", "mAP50", "parameters")


def chart_data(comparison: Comparison, columns: Sequence[Column]) -> dict[str, Any]:
    """Points of the scatter plot, its axes, lines of the learning curves, and memory over columns."""
    return {
        "axes": [_axis(column) for column in columns],
        "across": _first(columns, _ACROSS),
        "up": _first(columns, _UP),
        "points": [
            {
                "name": member.name,
                "yolo": member.entry.title,
                "variant": member.entry.variant,
                "detector": member.entry.head,
                "kind": "stock" if member.is_stock else "RevCol",
                **{
                    column.key: value.number
                    for column in columns
                    if (value := value_of(comparison, column, member)) is not None
                },
            }
            for member in comparison.members
        ],
        "curves": _curves(comparison),
        "memory": _memory(comparison),
    }


def _axis(column: Column) -> dict[str, Any]:
    names = {language: label(column, language) for language in LANGUAGES}
    return {"key": column.key, "group": column.group, "better": column.better, "unit": column.unit, **names}


def _first(columns: Sequence[Column], wanted: Sequence[str]) -> str:
    for name in wanted:
        for column in columns:
            if name in (column.key, column.label):
                return column.key
    return columns[0].key


def _curves(comparison: Comparison) -> list[dict[str, Any]]:
    """One row for each epoch of each run: everything of it that is not empty."""
    return [
        {"name": member.name, "run": f"{member.name}: {run.name}", "seed": run.seed, **row}
        for member in comparison.members
        for run in member.entry.runs
        for row in run.curve
    ]


def _memory(comparison: Comparison) -> list[dict[str, Any]]:
    return [
        {"name": member.name, "mode": one.mode, "columns": one.columns, "mb": one.bytes / 1e6}
        for member in comparison.members
        for one in member.entry.memory
        if one.columns is not None
    ]
