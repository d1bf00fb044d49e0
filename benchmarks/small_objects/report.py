"""The tables that docs/results.md shows."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import numpy as np

from small_objects.design import Arm, Design
from small_objects.records import Record

_FACTORS: dict[str, Callable[[Arm], bool]] = {
    "head p2-p5 for p3-p5": lambda arm: arm.head == "p2-p5",
    "supervision": lambda arm: bool(arm.options.get("supervision")),
    "attention for sum": lambda arm: arm.options.get("fusion") == "attention",
    "stem of patches for overlapping": lambda arm: arm.options.get("stem") == "patch",
}


def report(design: Design, records: list[Record]) -> str:
    """All tables as markdown."""
    parts = [_setting(design, records), _models(design, records), _effects(design, records)]
    return "\n\n".join(parts)


def _setting(design: Design, records: list[Record]) -> str:
    wanted = sum(1 for _ in design.runs())
    versions = sorted({f"torch {record['versions']['torch']}" for record in records})
    data, seeds = design.data, ", ".join(map(str, design.seeds))
    return (
        f"{len(records)} of {wanted} runs, each on one core, {', '.join(versions)}. "
        f"{data.images} pictures of {data.size}x{data.size}, batch {design.batch}, seeds {seeds}."
    )


def _models(design: Design, records: list[Record]) -> str:
    head = "| YOLO | model | parameters | GFLOPs | epochs | seeds | mAP50 | mAP50-95 | AP-small | peak MB |"
    lines = [head, "|" + "---|" * head.count(" | ") + "---|"]
    for yolo in design.yolos:
        for arm in design.arms:
            found = [r for r in records if (r["yolo"], r["arm"]) == (yolo, arm.name)]
            if found:
                lines.append(f"| {yolo} | {_title(design, yolo, arm)} | {' | '.join(_cells(found))} |")
    return "\n".join(lines)


def _title(design: Design, yolo: str, arm: Arm) -> str:
    chosen = [f"{name} {value}" if value is not True else name for name, value in arm.options.items()]
    return ", ".join([f"{design.variant(yolo, arm)} {arm.head}", *chosen])


def _cells(found: list[Record]) -> Iterator[str]:
    facts = found[0]["facts"]
    yield f"{facts['parameters'] / 1e6:.2f}M"
    yield f"{facts['gflops']:.1f}"
    yield str(found[0]["epochs"])
    yield str(len(found))
    for metric in ("mAP50", "mAP50-95", "AP-small"):
        yield _spread([record["test"][metric] for record in found])
    yield f"{statistics.median(record['peak_memory_bytes'] for record in found) / 1e6:.0f}"


def _spread(values: list[float]) -> str:
    if len(values) == 1:
        return f"{values[0]:.3f}"
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


def _effects(design: Design, records: list[Record]) -> str:
    """What each part of RevCol changes: least squares on the RevCol runs, a level for each YOLO."""
    runs = [record for record in records if design.arm(record["arm"]).model == "revcol"]
    yolos = [yolo for yolo in design.yolos if any(record["yolo"] == yolo for record in runs)]
    lines = ["| part | change of test mAP50 | standard error | runs |", "|---|---|---|---|"]
    if not runs:
        return "\n".join(lines)
    arms = [design.arm(record["arm"]) for record in runs]
    levels = [[float(record["yolo"] == yolo) for yolo in yolos] for record in runs]
    parts = [[float(has(arm)) for has in _FACTORS.values()] for arm in arms]
    table = np.hstack([np.array(levels), np.array(parts)])
    scores = np.array([record["test"]["mAP50"] for record in runs])
    fitted, *_ = np.linalg.lstsq(table, scores, rcond=None)
    free = len(runs) - np.linalg.matrix_rank(table)
    variance = ((scores - table @ fitted) ** 2).sum() / free if free > 0 else float("nan")
    errors = np.sqrt(np.diag(np.linalg.pinv(table.T @ table)) * variance)
    for place, name in enumerate(_FACTORS, start=len(yolos)):
        with_it = int(table[:, place].sum())
        if 0 < with_it < len(runs):
            lines.append(f"| {name} | {fitted[place]:+.3f} | {errors[place]:.3f} | {with_it} of {len(runs)} |")
    return "\n".join(lines)
