"""A model's rows with lines for inputs that are not the row above, as places on a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yolopatch.compare.model import Row

ROW = 22
"""Height of a row in pixels; `report.css` has the same."""
_LANE = 9
_EDGE = 14


@dataclass(frozen=True)
class Line:
    """A line from the row `source` to the row `target`, as an SVG path."""

    source: int
    target: int
    path: str


@dataclass(frozen=True)
class Graph:
    """The rows, the lines beside them, and the room that these take, in pixels."""

    rows: tuple[Row, ...]
    lines: tuple[Line, ...]
    width: int
    height: int


def graph_of(rows: Sequence[Row]) -> Graph:
    """Lines that overlap get lanes of their own, the shortest nearest to the rows."""
    spans = [
        (source, target)
        for target, row in enumerate(rows)
        for source in row.inputs
        if source >= 0 and source != target - 1
    ]
    lanes: list[list[tuple[int, int]]] = []
    place: dict[tuple[int, int], int] = {}
    for span in sorted(spans, key=lambda one: (one[1] - one[0], one)):
        free = next((lane for lane, taken in enumerate(lanes) if all(_apart(span, one) for one in taken)), len(lanes))
        if free == len(lanes):
            lanes.append([])
        lanes[free].append(span)
        place[span] = free
    width = _EDGE + _LANE * max(len(lanes), 1)
    lines = tuple(Line(*span, _path(span, width - _EDGE - _LANE * lane, width)) for span, lane in place.items())
    return Graph(tuple(rows), lines, width, ROW * len(rows))


def _apart(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[1] <= other[0] or other[1] <= one[0]


def _path(span: tuple[int, int], x: int, right: int) -> str:
    start, end = (ROW * at + ROW // 2 for at in span)
    # A little below the source and above the target, so that a row's coming and going lines can be told apart.
    start, end = start + 3, end - 3
    return f"M{right} {start}H{x + 4}Q{x} {start} {x} {start + 4}V{end - 4}Q{x} {end} {x + 4} {end}H{right - 2}"
