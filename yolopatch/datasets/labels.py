"""Reads one label file: `class x y width height` a line, or `class x1 y1 x2 y2 x3 y3 ...` for polygons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from yolopatch.datasets.model import Label
from yolopatch.errors import RequestError

_BOX = 5
_SHORTEST_POLYGON = 7
_LONGEST_OF_TRIANGLES = 9  # YOLOv7 takes a file for polygons only when one has four corners or more
_TRIANGLE = "a triangle, and no polygon of four corners in the file: YOLOv7 does not take it"
_EMPTY = "an empty line between objects, for which YOLOv7 drops the picture"


@dataclass(frozen=True)
class Fault:
    """What is wrong in one line of a label file; `line` counts from 1.

    Only YOLOv7 minds a `mild` one; it passes over the whole picture, the others read what the file means.
    """

    line: int
    what: str
    mild: bool = False


def read_labels(path: Path) -> list[Label]:
    """The objects of one picture; none where the file does not exist. Polygons become the boxes around them.

    Raises:
        RequestError: a line that no YOLO accepts. (An object that stands twice is one object here.)
    """
    rows, faults = parse_labels(path)
    faults = [fault for fault in faults if not fault.mild]
    if faults:
        raise RequestError(f"{path}:{faults[0].line}: {faults[0].what}; correct it (yolopatch data check lists all)")
    return [label for _, label in rows]


def parse_labels(path: Path) -> tuple[list[tuple[int, Label]], list[Fault]]:
    """The objects of one label file with their lines, and its faults, as strict as the strictest of the four YOLOs.

    A file is read by upstream's rule: if any line is longer than a box, all lines are polygons.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return [], []
    except (OSError, UnicodeDecodeError):
        return [], [Fault(1, "the file is no text that can be read")]
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1)]
    rows = [(number, row) for number, row in lines if row]
    longest = max((len(row) for _, row in rows), default=0)
    faults = [Fault(number, _EMPTY, mild=True) for number, row in lines if not row and _between(number, rows)]
    if _BOX < longest < _LONGEST_OF_TRIANGLES:
        faults += [Fault(number, _TRIANGLE, mild=True) for number, row in rows if len(row) == longest and len(row) % 2]
    labels: list[tuple[int, Label]] = []
    seen: dict[Label, int] = {}
    for number, row in rows:
        parsed = _parse(row, longest)
        if isinstance(parsed, str):
            faults.append(Fault(number, parsed))
        elif parsed in seen:
            faults.append(Fault(number, f"the same object as in line {seen[parsed]}", mild=True))
        else:
            seen[parsed] = number
            labels.append((number, parsed))
    return labels, sorted(faults, key=lambda fault: fault.line)


def _between(number: int, rows: list[tuple[int, list[str]]]) -> bool:
    """Whether line `number` has objects before and after it; all YOLOs strip the others."""
    return bool(rows) and rows[0][0] < number < rows[-1][0]


def _parse(row: list[str], longest: int) -> Label | str:
    if longest > _BOX:
        wrong = _wrong_polygon(len(row))
        if wrong:
            return wrong
    elif len(row) != _BOX:
        return f"{len(row)} values where 5 are due (class x y width height)"
    try:
        values = [float(value) for value in row]
    except ValueError:
        return "a value that is no number"
    if values[0] < 0 or not values[0].is_integer():
        return f"the class {row[0]} is no whole number from 0 on"
    if any(math.isnan(value) or not 0 <= value <= 1 for value in values[1:]):
        return "a coordinate outside 0 to 1"
    return Label(int(values[0]), *(values[1:] if longest == _BOX else _around(values[1:])))


def _wrong_polygon(length: int) -> str | None:
    if length == _BOX:
        return "a box in a file of polygons, which the YOLOs would take for a polygon of two points"
    if length < _SHORTEST_POLYGON or length % 2 == 0:
        return f"{length} values, neither a box (5) nor a polygon (7, 9, 11, ...)"
    return None


def _around(corners: list[float]) -> tuple[float, float, float, float]:
    xs, ys = corners[0::2], corners[1::2]
    left, right, top, bottom = min(xs), max(xs), min(ys), max(ys)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
