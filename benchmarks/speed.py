"""How fast the backbone is: the forward in eval, and the training step, beside the official code's.

    python benchmarks/speed.py --official ../RevCol --compile
    python benchmarks/speed.py --columns 4,8 --only eval --json

In eval, under torch.inference_mode:

    official           the official code as it comes (save_memory=True)
    official-plain     with save_memory=False; the faster of the two is what the others are compared with
    official-compiled  the latter in torch.compile
    eager              ours
    fused              ours after fuse()
    compiled           ours in torch.compile, after fuse()

Training steps (forward, sum of squares, backward) are those of contenders.py: official, plain, exact.
Every figure comes from a process of its own, the contenders take turns, and medians are shown.

Every eval process loads the same weights into a reference too, the official code's plain mode or,
without --official, ours in ordinary operations, and compares: max|a - b| / max|b| of each level's
output, the largest of which is shown. Exit code 1 if one is above 1e-5 (fp32; 1e-2 in half precision).
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import torch
from contenders import (
    Failed,
    Job,
    build,
    difference,
    job_of,
    machine,
    run_child,
    serve,
    table,
    timed,
    train_seconds,
)
from contenders import options as shared_options

LIMITS = {"float32": 1e-5, "float64": 1e-5, "bfloat16": 5e-2, "float16": 1e-2}


class Way(NamedTuple):
    """How a contender of contenders.py is run in eval."""

    base: str
    fused: bool = False
    compiled: bool = False


EVAL = {
    "official": Way("official"),
    "official-plain": Way("official-plain"),
    "official-compiled": Way("official-plain", compiled=True),
    "eager": Way("exact"),
    "fused": Way("exact", fused=True),
    "compiled": Way("exact", fused=True, compiled=True),
}
TRAIN = ("official", "plain", "exact")
UNCOMPILED = ("official", "official-plain")


@dataclass(frozen=True)
class Row:
    """One contender: the median of its processes' medians, and the distance from least to most."""

    what: str
    contender: str
    columns: int
    seconds: float
    spread_s: float
    difference: float | None
    levels: list[float] | None
    device: str
    threads: int
    torch: str


def main() -> int:
    """Measure everyone and print a table or JSON; 1 if outputs differ."""
    if serve({"eval": _eval, "train": _train}):
        return 0
    options = _options()
    rows = [row for columns in options.columns for what in options.only for row in _measure(what, columns, options)]
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
    else:
        _print(rows, options)
    far = [row for row in rows if row.difference is not None and not row.difference <= LIMITS[options.dtype]]
    for row in far:
        print(f"{row.contender}, {row.columns} columns: outputs differ by {row.difference:.1e}", file=sys.stderr)
    return 1 if far else 0


def _measure(what: str, columns: int, options: argparse.Namespace) -> list[Row]:
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in _names(what, options)}
    for repeat in range(options.repeat):
        for name in list(found):
            if not options.quiet:
                text = f"{what}, {columns} columns, run {repeat + 1} of {options.repeat}: {name}"
                print(text, file=sys.stderr, flush=True)
            try:
                job = job_of(options, name, columns, random_weights=True)
                found[name].append(run_child(__file__, what, job, threshold=False))
            except Failed as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
                del found[name]
    return [_row(what, name, columns, runs) for name, runs in found.items()]


def _names(what: str, options: argparse.Namespace) -> list[str]:
    if what == "train":
        return [name for name in TRAIN if options.official or name != "official"]
    names = [name for name, way in EVAL.items() if options.compile or not way.compiled]
    return [name for name in names if options.official or not EVAL[name].base.startswith("official")]


def _row(what: str, name: str, columns: int, runs: list[dict[str, Any]]) -> Row:
    seconds = [run["seconds"] for run in runs]
    levels = [max(level) for level in zip(*(run["levels"] for run in runs), strict=True)] if what == "eval" else None
    return Row(what, name, columns, round(statistics.median(seconds), 4), round(max(seconds) - min(seconds), 4),
               max(levels) if levels else None, levels,
               **{key: runs[0][key] for key in ("device", "threads", "torch")})  # fmt: skip


def _train(job: Job) -> dict[str, Any]:
    facts = train_seconds(job)
    return {"seconds": facts.pop("step_s"), **facts}


def _eval(job: Job) -> dict[str, Any]:
    """Seconds of a forward, and how far its outputs are from the reference's; in a process of its own."""
    way, x = EVAL[job.contender], job.input()
    reference = build(replace(job, contender="official-plain" if job.official else "plain")).eval()
    model: Any = build(replace(job, contender=way.base), reference.state_dict()).eval()
    with torch.inference_mode():
        expected = reference(x)
        del reference
        if way.fused:
            model.fuse()
        if way.compiled:
            model = torch.compile(model)
        levels = [difference(a.double(), b.double()) for a, b in zip(model(x), expected, strict=True)]
        return {"seconds": statistics.median(timed(lambda: model(x), job)), "levels": levels, **machine(job.device)}


def _print(rows: list[Row], options: argparse.Namespace) -> None:
    if not rows:
        return
    first = rows[0]
    print(f"{first.device}, {first.threads} threads, torch {first.torch}; RevCol-{options.variant.upper()}'s channels "
          f"and blocks, {options.size}x{options.size}, batch {options.batch}, {options.dtype}; medians of "
          f"{options.repeat}\n")  # fmt: skip
    heads = ["", "columns", "contender", "seconds", "of official", "spread s", "c0", "c1", "c2", "c3"]
    lines = []
    for row in rows:
        theirs = [r for r in rows if (r.what, r.columns) == (row.what, row.columns) and r.contender in UNCOMPILED]
        best = min(theirs, key=lambda r: r.seconds, default=None)
        mark = " (the faster)" if row is best and len(theirs) > 1 else ""
        ratio = f"{row.seconds / best.seconds:.2f}" if best else "-"
        levels = [f"{level:.1e}" for level in row.levels] if row.levels else ["-"] * 4
        lines.append([row.what, str(row.columns), row.contender + mark, f"{row.seconds:.3f}", ratio,
                      f"{row.spread_s:.3f}", *levels])  # fmt: skip
    print(table(heads, lines))
    print("\nc0 to c3: how far the outputs are from the reference's, max|a - b| / max|b|")


def _options() -> argparse.Namespace:
    parser = shared_options(__doc__, "8")
    parser.add_argument("--compile", action="store_true", help="torch.compile too; it needs a C++ compiler")
    parser.add_argument("--only", choices=("eval", "train"), nargs=1, default=("eval", "train"),
                        help="one of the two; default: both")  # fmt: skip
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
