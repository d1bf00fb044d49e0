"""The rows of a model: numbered as they are written, referred to by name, aligned at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

WIDEST = 64
"""Arguments wider than this stick out instead of pushing every other comment of the section away."""

SEPARATOR = "\x1f"
"""Stands between the cells of a row until `align` knows how wide they are."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")

Source = int | str


@dataclass(frozen=True)
class Row:
    """One row as a parser will see it: [source, repeats, module, args]."""

    source: int | list[int]
    repeats: int
    module: str
    args: list[Any]

    def as_list(self) -> list[Any]:
        return [self.source, self.repeats, self.module, self.args]


class RowBook:
    """Hands out row numbers and remembers the names that a template gave to rows."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._names: dict[str, int] = {}

    def row(
        self,
        name: str,
        source: Source | Sequence[Source],
        repeats: int,
        module: str,
        args: Sequence[Any],
        level: int = 0,
        note: str = "",
    ) -> str:
        """The text of the next row, its cells still unaligned.

        `name` lets later rows refer to this one ('' for none). In `source` a name becomes the
        number of its row; a negative number counts back from here, as in upstream's files.
        `level` is the level of the output (3 is stride 8), 0 for a row with no one stride.

        Raises:
            ValueError: a name is unknown or given twice, or a number points to no earlier row.
        """
        index = len(self.rows)
        if name in self._names:
            raise ValueError(f"the name '{name}' stands for row {self._names[name]} already")
        found = self._find(source) if isinstance(source, int | str) else [self._find(one) for one in source]
        row = Row(found, repeats, module, list(args))
        self.rows.append(row)
        if name:
            self._names[name] = index
        place = f"P{level}/{2**level}" if level else ""
        comment = "  ".join(part for part in (place, note) if part)
        cells = (f"  - [{flow(found)},", f"{repeats},", f"{module},", f"{flow(row.args)}]", f"# {index}", comment)
        return SEPARATOR.join(cells)

    def _find(self, source: Source) -> int:
        count = len(self.rows)
        if isinstance(source, str):
            if source not in self._names:
                raise ValueError(f"row {count} takes from '{source}', but no earlier row has this name")
            return self._names[source]
        # Row 0 takes the image, which is -1 as well.
        if not -max(count, 1) <= source < count:
            raise ValueError(f"row {count} takes from row {source}, which does not come before it")
        return source


def flow(value: Any) -> str:
    """`value` as one line of YAML that yaml.safe_load reads back unchanged.

    Raises:
        ValueError: a type that a row cannot hold.
    """
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(one) for one in value) + "]"
    raise ValueError(f"a row cannot hold {type(value).__name__} values")


def _number(value: float) -> str:
    # PyYAML takes 1e-06 for a string: its numbers need a dot before the exponent.
    mantissa, exponent, power = repr(value).partition("e")
    return mantissa + ("" if "." in mantissa or not exponent else ".0") + exponent + power


def _text(value: str) -> str:
    if _PLAIN.fullmatch(value) and yaml.safe_load(value) == value:
        return value
    if not re.fullmatch(r"[ -~]*", value):
        raise ValueError(f"a row cannot hold the text {value!r}: it is not plain ASCII")
    return "'" + value.replace("'", "''") + "'"


def align(lines: Sequence[str]) -> list[str]:
    """Pads the cells of rows so that they stand in columns, section by section.

    A section ends at a line that is not indented (`head:`). In it every comment stands in one
    column, but for a row whose arguments are wider than `WIDEST`.
    """
    aligned: list[str] = []
    section: list[str] = []
    for line in lines:
        if line and not line[0].isspace():
            aligned += _aligned_section(section)
            section = []
        section.append(line)
    return aligned + _aligned_section(section)


def _aligned_section(lines: Sequence[str]) -> list[str]:
    rows = [line.split(SEPARATOR) for line in lines if SEPARATOR in line]
    if not rows:
        return list(lines)
    widths = [max(filter(WIDEST.__ge__, map(len, column)), default=0) for column in zip(*rows, strict=True)]
    return [_joined(line.split(SEPARATOR), widths) if SEPARATOR in line else line for line in lines]


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]
    return (" ".join(padded[:4]) + "  " + "  ".join(padded[4:])).rstrip()
