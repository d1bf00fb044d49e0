"""The model as it was built, drawn: RevCol's columns and levels, then all rows with their channels and strides."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from yolopatch.inspection.model import LEVELS, Feature, Inspected, RevColFacts, Row
from yolopatch.inspection.words import Words
from yolopatch.xml_text import document, writable

_MARGIN, _TITLE = 16, 28
_BOX_WIDTH, _BOX_HEIGHT, _GAP_X, _GAP_Y = 84, 34, 34, 26
_ROW, _LANE, _EDGE, _ROWS_WIDTH = 24, 9, 18, 560
_ABOVE = 62  # of the columns: what they are, and the lines from the stem
_KEY = ((0, "", "key_down"), (190, "keep", "key_keep"), (420, "up", "key_up"))
_KEY_WIDTH = 640
_FILL = {"backbone": "#dbe7f5", "neck": "#f4ecd4", "head": "#f6dbdb"}
_STYLE = (
    "text{font:12px system-ui,'Noto Sans CJK SC','Microsoft YaHei','PingFang SC',sans-serif;fill:#1b1f24}"
    ".title{font-size:15px;font-weight:600}.small{font-size:11px;fill:#4a525c}"
    "rect{stroke:#8b95a1;stroke-width:.8}path{fill:none;stroke:#5b6672;stroke-width:1.1}"
    ".keep{stroke:#4477aa;stroke-width:1.6}.up{stroke:#b8860b;stroke-dasharray:4 2}"
)


def to_svg(model: Inspected, words: Words) -> str:
    """The picture as an SVG document."""
    lanes = _lanes(model.rows)
    top = _MARGIN + _TITLE
    columns_height = _columns_height() if model.revcol else 0
    width = max(_rows_left(lanes) + _ROWS_WIDTH, _columns_width(model.revcol)) + 2 * _MARGIN
    height = top + columns_height + _ROW * len(model.rows) + _MARGIN
    root = ET.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width} {height}", width=str(width), height=str(height)
    )
    ET.SubElement(root, "style").text = _STYLE
    ET.SubElement(root, "rect", width=str(width), height=str(height), fill="white", style="stroke:none")
    _text(root, _MARGIN, _MARGIN + 10, f"{model.name}: {model.parameters / 1e6:.2f}M", "title")
    if model.revcol:
        _columns(root, model, model.revcol, words, top)
    _rows(root, model.rows, lanes, top + columns_height)
    return document(root)


def _columns_width(revcol: RevColFacts | None) -> int:
    return max((revcol.columns + 1) * (_BOX_WIDTH + _GAP_X), _KEY_WIDTH) if revcol else 0


def _columns_height() -> int:
    return _ABOVE + LEVELS * (_BOX_HEIGHT + _GAP_Y) + 34


def _columns(root: ET.Element, model: Inspected, revcol: RevColFacts, words: Words, top: int) -> None:
    """A column a column, a row a level, and the lines of `c[l] = alpha[l] p[l] + Level_l(c[l-1], p[l+1])`."""
    by_place = {(one.depth, one.level): one for one in model.features}
    formula = "c[l] = α[l]·p[l] + Level(c[l−1], p[l+1])" + ("; level 0 takes p[3], too" if revcol.deep_up else "")
    _text(root, _MARGIN, top + 8, f"RevCol: {formula}; fusion {revcol.fusion}, stem {revcol.stem}", "small")
    top += _ABOVE
    _box(root, _x(0), _y(top, 0), "backbone", words("stem"), _size(by_place[0, None]))
    for level in range(LEVELS):
        y = _y(top, level) + (21 if level else 48)  # below the stem
        _text(root, _MARGIN, y, f"l{level}: {revcol.blocks[level]} × block", "small")
    for column in range(1, revcol.columns + 1):
        parameters = f"{revcol.parameters[column - 1] / 1e6:.2f}M"
        _text(root, _x(column), top - 32, f"{words('column_number', column=column)}  {parameters}", "small")
        for level in range(LEVELS):
            _lines(root, column, level, top)
            _box(root, _x(column), _y(top, level), "backbone", f"l{level}", _size(by_place[column, level]))
    taken = {one.number for one in model.taken()}
    for one in model.features:
        if one.number in taken and one.level is not None:
            x, y = _x(one.depth) + _BOX_WIDTH, _y(top, one.level) + _BOX_HEIGHT // 2
            _line(root, f"M{x} {y}h18m-5 -4l5 4l-5 4", "")
    _key(root, words, top + LEVELS * (_BOX_HEIGHT + _GAP_Y) + 2)


def _lines(root: ET.Element, column: int, level: int, top: int) -> None:
    x, y = _x(column), _y(top, level)
    middle = y + _BOX_HEIGHT // 2
    if level:  # down, from the level before in the same column
        _line(root, f"M{x + 42} {y - _GAP_Y}V{y - 1}m-4 -5l4 5l4 -5", "")
    else:  # every column's first level takes the stem
        _line(root, f"M{_x(0) + 42} {top}V{top - 24}H{x + 42}V{y - 1}m-4 -5l4 5l4 -5", "")
    if column == 1:
        return
    _line(root, f"M{x - _GAP_X} {middle}H{x - 1}m-5 -4l5 4l-5 4", "keep")
    if level + 1 < LEVELS:  # up, from the coarser level of the column before
        below = _y(top, level + 1) + 8
        _line(root, f"M{x - _GAP_X} {below}L{x - 1} {middle + 9}m-6 0l6 0l-2 6", "up")


def _key(root: ET.Element, words: Words, y: int) -> None:
    for x, kind, said in _KEY:
        _line(root, f"M{_MARGIN + x} {y}h22", kind)
        _text(root, _MARGIN + x + 28, y + 4, words(said), "small")


def _x(column: int) -> int:
    return _MARGIN + column * (_BOX_WIDTH + _GAP_X)


def _y(top: int, level: int) -> int:
    return top + level * (_BOX_HEIGHT + _GAP_Y)


def _size(one: Feature) -> str:
    return f"{one.channels} × /{one.stride:g}"


def _box(root: ET.Element, x: int, y: int, part: str, title: str, said: str) -> None:
    ET.SubElement(
        root, "rect", x=str(x), y=str(y), width=str(_BOX_WIDTH), height=str(_BOX_HEIGHT), rx="4", fill=_FILL[part]
    )
    _text(root, x + 8, y + 14, title, "")
    _text(root, x + 8, y + 28, said, "small")


def _rows(root: ET.Element, rows: Sequence[Row], lanes: dict[tuple[int, int], int], top: int) -> None:
    left = _MARGIN + _rows_left(lanes)
    for number, row in enumerate(rows):
        y = top + _ROW * number
        ET.SubElement(
            root,
            "rect",
            x=str(left),
            y=str(y),
            width=str(_ROWS_WIDTH),
            height=str(_ROW - 4),
            rx="3",
            fill=_FILL[row.part],
        )
        for x, said in zip((8, 44, 180, 350, 496), _cells(row), strict=True):
            _text(root, left + x, y + 14, said, "" if x == 44 else "small")
    for (source, target), lane in lanes.items():
        x = left - _EDGE - _LANE * lane
        start, end = top + _ROW * source + 13, top + _ROW * target + 7
        _line(
            root,
            f"M{left} {start}H{x + 4}Q{x} {start} {x} {start + 4}V{end - 4}Q{x} {end} {x + 4} {end}H{left - 1}",
            "",
        )


def _cells(row: Row) -> tuple[str, ...]:
    """Number, kind, channels and strides, what it takes, parameters."""
    outputs = [f"{channels} × /{stride:g}" for channels, stride in row.outputs[:LEVELS]]
    said = ", ".join(outputs) if len(outputs) < LEVELS else f"{outputs[0]} … {outputs[-1]}"
    if row.strides:
        said = "strides " + ", ".join(f"{stride:g}" for stride in row.strides)
    kind = row.kind if row.level is None else f"{row.kind} {row.level}"
    inputs = ", ".join(str(one) for one in row.inputs if one >= 0)
    parameters = f"{row.parameters / 1e6:.3f}M" if row.parameters else ""
    return str(row.number), kind, said, f"← {inputs}" if inputs else "", parameters


def _lanes(rows: Sequence[Row]) -> dict[tuple[int, int], int]:
    """Lines to inputs that are not the row above, each with its lane: those that overlap get different ones."""
    spans = [(one, row.number) for row in rows for one in row.inputs if 0 <= one != row.number - 1]
    lanes: list[list[tuple[int, int]]] = []
    found: dict[tuple[int, int], int] = {}
    for span in sorted(set(spans), key=lambda one: (one[1] - one[0], one)):
        free = next((at for at, lane in enumerate(lanes) if all(_apart(span, one) for one in lane)), len(lanes))
        if free == len(lanes):
            lanes.append([])
        lanes[free].append(span)
        found[span] = free
    return found


def _apart(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[1] <= other[0] or other[1] <= one[0]


def _rows_left(lanes: dict[tuple[int, int], int]) -> int:
    return _EDGE + _LANE * (max(lanes.values(), default=0) + 1)


def _line(root: ET.Element, path: str, kind: str) -> None:
    ET.SubElement(root, "path", {"d": path, **({"class": kind} if kind else {})})


def _text(root: ET.Element, x: int, y: int, said: str, kind: str) -> None:
    element = ET.SubElement(root, "text", {"x": str(x), "y": str(y), **({"class": kind} if kind else {})})
    element.text = writable(said)
