"""Turns upstream's table of results into ours, which has the same columns for all YOLOs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from yolopatch.runs.folder import write_text
from yolopatch.runs.spec import UPSTREAM_COLUMNS, Table

Row = dict[str, float]
"""One epoch: our columns that have a value."""

TERMS = ("train/rec_loss", "train/img_loss")
SIZES = ("AP", "AP-small", "AP-medium", "AP-large")
COST = ("seconds", "peak_memory_bytes", "gpu_memory_bytes")
COLUMNS = ("epoch", *UPSTREAM_COLUMNS[:4], *TERMS, *UPSTREAM_COLUMNS[4:], *SIZES, *COST)
"""The header of our results.csv."""
_WHOLE = ("epoch", "peak_memory_bytes", "gpu_memory_bytes")


def read_upstream(file: Path, table: Table) -> dict[int, Row]:
    """Upstream's rows by epoch (counted from 1); an epoch that was trained twice counts as trained last.

    A row that is being written, or that holds no numbers, is left out.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    whole = text[: text.rfind("\n") + 1].splitlines()
    names, lines = (list(table.names), whole) if table.names else _header(whole)
    found: dict[int, Row] = {}
    first: int | None = None
    for line in lines:
        cells = line.split() if table.names else [cell.strip() for cell in line.split(",")]
        if len(cells) < len(names):
            continue
        values = dict(zip(names, cells, strict=False))
        number = _epoch(values.get(table.epoch, ""))
        if number is None:
            continue
        first = number if first is None else first  # training begins with the first epoch, called 0 or 1
        epoch = number - first + 1
        found[epoch] = {"epoch": float(epoch), **_ours(values, table)}
    return found


def best_epoch(rows: Mapping[int, Row], table: Table) -> int | None:
    """The epoch of upstream's best weights: of the highest fitness, the last of equals."""
    best: tuple[float, int] | None = None
    for epoch, row in sorted(rows.items()):
        fitness = sum(weight * row.get(name, 0.0) for name, weight in table.fitness.items())
        if math.isfinite(fitness) and (best is None or fitness >= best[0]):
            best = (fitness, epoch)
    return best[1] if best else None


def told(row: Row) -> Row:
    """What a record tells of an epoch: not its cost, and no NaN, which JSON does not have."""
    return {name: value for name, value in row.items() if name not in COST and math.isfinite(value)}


def read_ours(file: Path) -> dict[int, Row]:
    """The rows of a results.csv of ours, by epoch; none where there is no such file."""
    try:
        lines = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    except OSError:
        return {}
    rows = [{name: value for name, cell in line.items() if (value := _float(cell)) is not None} for line in lines]
    return {int(row["epoch"]): row for row in rows if "epoch" in row}


def write_ours(file: Path, rows: Mapping[int, Row]) -> None:
    """Replace results.csv."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for _, row in sorted(rows.items()):
        writer.writerow([_cell(name, row.get(name)) for name in COLUMNS])
    write_text(file, out.getvalue())


def _header(lines: list[str]) -> tuple[list[str], list[str]]:
    if not lines:
        return [], []
    return [cell.strip() for cell in lines[0].split(",")], lines[1:]


def _ours(values: Mapping[str, str], table: Table) -> Row:
    row: Row = {}
    for ours, places in table.columns.items():
        value = next((_float(values[place]) for place in places if place in values), None)
        if value is not None:
            row[ours] = value
    return row


def _epoch(cell: str) -> int | None:
    value = _float(cell.partition("/")[0])
    return int(value) if value is not None and math.isfinite(value) else None


def _float(cell: str | None) -> float | None:
    try:
        return float(cell or "")
    except ValueError:
        return None


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if name in _WHOLE and math.isfinite(value) else f"{value:.6g}"
