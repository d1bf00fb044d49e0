"""The columns of a comparison: what each is called, how a model's number is found, and how it was measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from yolopatch.compare.comparison import Comparison, Member
from yolopatch.compare.model import Mode, Rounds

GROUPS = ("model", "operations", "speed", "training", "onnx", "accuracy")
BY_PART = ("backbone", "neck", "head")
METRICS = ("mAP50", "mAP50-95", "AP-small", "AP-medium", "AP-large")


@dataclass(frozen=True)
class Value:
    """A number in its column's unit. `low` and `high`: quartiles of times, least and most of seeds.

    `ratio` is to the baseline; None where the two may not be compared.
    """

    number: float
    low: float | None = None
    high: float | None = None
    count: int = 1
    ratio: float | None = None


Find = Callable[[Member], Value | None]
Timed = Callable[[Member], Rounds | None]


@dataclass(frozen=True)
class Column:
    """`label` and `how` are keys of `strings.yaml`, with `values` filled in. `better` is -1 where less is."""

    key: str
    group: str
    label: str
    unit: str
    digits: int
    better: int
    how: str
    find: Find
    values: tuple[tuple[str, Any], ...] = ()
    timed: Timed | None = None
    portable: bool = True
    """Whether it does not depend on the machine."""
    by_part: bool = False
    """Whether it is of the backbone, the neck or the head alone."""


def columns_of(comparison: Comparison) -> tuple[Column, ...]:
    """Those that any model has a number for."""
    sizes = [*_model(), *_operations(comparison)]
    found = [*sizes, *_speed(comparison), *_training(comparison), *_onnx(comparison), *_accuracy()]
    return tuple(column for column in found if any(column.find(member) for member in comparison.members))


def value_of(comparison: Comparison, column: Column, member: Member) -> Value | None:
    """A model's number with its ratio to the baseline."""
    value, base = column.find(member), column.find(comparison.baseline)
    if value is None or base is None or not base.number:
        return value
    if not column.portable and member.mark != comparison.baseline.mark:
        return value
    return replace(value, ratio=_ratio(comparison, column, member, value, base))


def _ratio(comparison: Comparison, column: Column, member: Member, value: Value, base: Value) -> float:
    baseline = comparison.baseline
    if column.timed is not None and member.document is baseline.document:
        mine, its = column.timed(member), column.timed(baseline)
        if mine is not None and its is not None:
            ratio = mine.ratio(its)
            return ratio if column.better < 0 else 1 / ratio
    return value.number / base.number


def _exactly(number: float | None) -> Value | None:
    return None if number is None else Value(number)


def _times(rounds: Rounds | None, scale: float) -> Value | None:
    if rounds is None:
        return None
    found = rounds.spread
    return Value(found.median * scale, found.low * scale, found.high * scale, found.count)


def _rate(rounds: Rounds | None, pictures: int) -> Value | None:
    if rounds is None:
        return None
    found = rounds.spread
    return Value(pictures / found.median, pictures / found.high, pictures / found.low, found.count)


def _model() -> list[Column]:
    found = [Column("parameters_m", "model", "parameters", "M", 2, -1, "how_parameters", _parameters(None))]
    for part in BY_PART:
        found.append(
            Column(f"parameters_{part}_m", "model", part, "M", 2, -1, "how_parameters", _parameters(part), by_part=True)
        )
    return [*found, Column("file_mb", "model", "file", "MB", 1, -1, "how_file", _file)]


def _operations(comparison: Comparison) -> list[Column]:
    found = []
    for size in _sorted(size for one in comparison.documents for size in one.how.imgsz):
        values = (("size", size), ("counted", _counted(comparison, size)))
        found.append(
            Column(f"gflops_{size}", "operations", "gflops", "GFLOPs", 1, -1, "how_gflops", _gflops(size), values)
        )
        for part in BY_PART:
            found.append(
                Column(f"gflops_{part}_{size}", "operations", f"gflops_{part}", "GFLOPs", 1, -1, "how_gflops",
                       _gflops(size, part), values, by_part=True)
            )  # fmt: skip
    return found


def _parameters(part: str | None) -> Find:
    def find(member: Member) -> Value | None:
        static = member.entry.static
        if static is None:
            return None
        return Value((static.total if part is None else static.parameters[part]) / 1e6)

    return find


def _gflops(size: int, part: str | None = None) -> Find:
    return lambda member: _exactly(member.entry.static.gflops(size, part) if member.entry.static else None)


def _counted(comparison: Comparison, size: int) -> str:
    """The operations that were counted, for the text that says so."""
    entries = [member.entry.static for member in comparison.members if member.entry.static]
    return ", ".join(_sorted(name for static in entries for name in static.counted.get(size, {})))


def _file(member: Member) -> Value | None:
    return Value(member.entry.static.file_bytes / 1e6) if member.entry.static else None


def _speed(comparison: Comparison) -> list[Column]:
    pairs = _sorted((one.imgsz, one.batch) for member in comparison.members for one in member.entry.latency)
    found = []
    for size, batch in pairs:
        values = (("size", size), ("batch", batch))
        timed = _latency(size, batch)
        name = f"{size}_b{batch}"
        found.append(
            Column(f"latency_{name}_ms", "speed", "latency", "ms", 1, -1, "how_latency",
                   _as_times(timed), values, timed, False)
        )  # fmt: skip
        found.append(
            Column(f"throughput_{name}", "speed", "throughput", "1/s", 2, 1, "how_throughput",
                   _as_rate(timed, batch), values, timed, False)
        )  # fmt: skip
    return found


def _latency(size: int, batch: int) -> Timed:
    def find(member: Member) -> Rounds | None:
        return next((one for one in member.entry.latency if (one.imgsz, one.batch) == (size, batch)), None)

    return find


def _as_times(timed: Timed) -> Find:
    return lambda member: _times(timed(member), 1e3)


def _as_rate(timed: Timed, pictures: int) -> Find:
    return lambda member: _rate(timed(member), pictures)


def _training(comparison: Comparison) -> list[Column]:
    found = []
    for size, batch in _sorted((one.how.train_imgsz, one.how.train_batch) for one in comparison.documents):
        values = (("size", size), ("batch", batch))
        for plain in (False, True):
            suffix = "_plain" if plain else ""
            timed = _step(size, batch, plain)
            found.append(
                Column(f"step_{size}_b{batch}{suffix}_ms", "training", f"step{suffix}", "ms", 0, -1,
                       f"how_step{suffix}", _as_times(timed), values, timed, False)
            )  # fmt: skip
        for plain in (False, True):
            suffix = "_plain" if plain else ""
            found.append(
                Column(f"peak_{size}_b{batch}{suffix}_mb", "training", f"peak{suffix}", "MB", 0, -1, "how_peak",
                       _peak(size, batch, plain), values, None, False)
            )  # fmt: skip
    return found


def _mode(member: Member, plain: bool) -> Mode | None:
    """The mode of a column: as the model trains by default, or RevCol in plain mode; stock has the first only."""
    reversible = member.entry.static is not None and member.entry.static.reversible
    if plain:
        return "plain" if reversible else None
    return "exact" if reversible else "plain"


def _step(size: int, batch: int, plain: bool) -> Timed:
    def find(member: Member) -> Rounds | None:
        if not _trained_at(member, size, batch):
            return None
        mode = _mode(member, plain)
        found = next((one for one in member.entry.training if one.mode == mode), None)
        # The plain mode's ratio is to what the baseline trains in, which for a stock model is its only one.
        return found or (member.entry.training[0] if plain and member.entry.training else None)

    return find


def _peak(size: int, batch: int, plain: bool) -> Find:
    def find(member: Member) -> Value | None:
        if not _trained_at(member, size, batch):
            return None
        peaks = {one.mode: one.bytes / 1e6 for one in member.entry.memory if one.columns is None}
        mode = _mode(member, plain) or "plain"
        return _exactly(peaks.get(mode))

    return find


def _trained_at(member: Member, size: int, batch: int) -> bool:
    how = member.document.how
    return (how.train_imgsz, how.train_batch) == (size, batch)


def _onnx(comparison: Comparison) -> list[Column]:
    found = []
    for size in _sorted(member.entry.onnx.imgsz for member in comparison.members if member.entry.onnx):
        values = (("size", size),)
        timed = _onnx_of(size)
        found.append(
            Column(f"onnx_{size}_mb", "onnx", "onnx_file", "MB", 1, -1, "how_onnx_file", _onnx_bytes(size), values)
        )
        found.append(
            Column(f"onnx_{size}_ms", "onnx", "onnx_latency", "ms", 1, -1, "how_onnx", _as_times(timed), values, timed,
                   False)
        )  # fmt: skip
    return found


def _onnx_of(size: int) -> Timed:
    return lambda member: member.entry.onnx if member.entry.onnx and member.entry.onnx.imgsz == size else None


def _onnx_bytes(size: int) -> Find:
    def find(member: Member) -> Value | None:
        onnx = member.entry.onnx
        return Value(onnx.bytes / 1e6) if onnx and onnx.imgsz == size else None

    return find


def _accuracy() -> list[Column]:
    return [
        Column(name, "accuracy", "metric", "%", 1, 1, "how_metric", _metric(name), (("name", name),))
        for name in METRICS
    ]


def _metric(name: str) -> Find:
    def find(member: Member) -> Value | None:
        values = [100 * run.metrics[name] for run in member.entry.runs if name in run.metrics]
        return Value(statistics.fmean(values), min(values), max(values), len(values)) if values else None

    return find


def _sorted(values: Any) -> list[Any]:
    return sorted(set(values))
