"""What a training step of the backbone takes: memory above parameters and gradients, and time.

    python benchmarks/memory.py --official ../RevCol
    python benchmarks/memory.py --columns 4,8 --contenders exact,checkpoint --json
    python benchmarks/memory.py --official ../RevCol --plot memory.svg

The contenders are described in contenders.py. Every figure comes from a process of its own, the
contenders take turns, and medians are shown. MB are 1e6 bytes.

`peak_mb`: the peak of two steps with zero_grad(set_to_none=True) between them, less parameters and
gradients, all of them: what a training script's step needs beside them. With --keep-gradients the
gradients are there from the start and are zeroed in place: what a script needs that accumulates.
On the CPU it is the peak of the resident set, counted from what it was before the model was built,
when interpreter and libraries were loaded and a tiny model had run. The allocator gives freed memory
back at once (MALLOC_MMAP_THRESHOLD_=262144), or freed blocks would be counted. On CUDA it is
torch.cuda.max_memory_allocated.

`step_s`: the median of the steps after one that is not counted, with the allocator as it is.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import statistics
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from contenders import (
    NAMES,
    OFFICIAL,
    Failed,
    Job,
    build,
    chosen,
    job_of,
    machine,
    run_child,
    serve,
    table,
    train_seconds,
    train_step,
    warm_up,
)
from contenders import options as shared_options

DEFAULT = ("official", "plain", "plain-fused", "checkpoint", "exact")
CGROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
HEADROOM = 1.25  # the allocator as it is keeps more than is in use


@dataclass(frozen=True)
class Row:
    """One contender with a number of columns: medians, and the distance from least to most."""

    contender: str
    columns: int
    peak_mb: float
    step_s: float
    peak_spread_mb: float
    step_spread_s: float
    parameters_mb: float
    device: str
    threads: int
    torch: str


def main() -> None:
    """Measure everyone and print a table or JSON."""
    if serve({"memory": _memory, "time": train_seconds}):
        return
    options = _options()
    rows = Run(options).rows()
    if options.plot:
        _plot(rows, options)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    _print(rows, options)


class Run:
    """The measurements, smallest numbers of columns first."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.names: list[str] = options.contenders
        self.total: dict[str, dict[int, float]] = defaultdict(dict)  # MB with parameters and gradients
        self.available = float("inf")

    def rows(self) -> list[Row]:
        """All that fit into the memory."""
        return [row for columns in sorted(self.options.columns) for row in self._all(columns)]

    def _all(self, columns: int) -> list[Row]:
        names = [name for name in self.names if self._fits(name, columns)]
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        for repeat in range(self.options.repeat):
            for name in names:
                if name in self.names:
                    self._tell(f"{columns} columns, run {repeat + 1} of {self.options.repeat}: {name}")
                    found[name] += self._once(name, columns)
        return [_row(name, columns, runs) for name, runs in found.items() if runs and name in self.names]

    def _once(self, name: str, columns: int) -> list[dict[str, Any]]:
        job = job_of(self.options, name, columns, random_weights=self.options.random_weights,
                     keep_gradients=self.options.keep_gradients, amp=self.options.amp)  # fmt: skip
        try:
            memory = run_child(__file__, "memory", job, threshold=True)
            self.total[name][columns] = memory["peak_mb"] + memory["parameters_mb"]
            self.available = memory["available_mb"]
            return [{**memory, **run_child(__file__, "time", job, threshold=False)}]
        except Failed as error:
            self._skip(name, columns, str(error))
            return []

    def _fits(self, name: str, columns: int) -> bool:
        before = self.total[name]
        if name not in self.names or not before:
            return name in self.names
        last = max(before)
        earlier = [count for count in before if count < last]
        slope = (before[last] - before[max(earlier)]) / (last - max(earlier)) if earlier else before[last] / last
        needed = (before[last] + slope * (columns - last)) * HEADROOM
        if needed > self.available:
            self._skip(name, columns, f"it needs about {needed:.0f} MB, and {self.available:.0f} MB are free")
            return False
        return True

    def _skip(self, name: str, columns: int, reason: str) -> None:
        print(f"{name} is left out from {columns} columns on: {reason}", file=sys.stderr)
        self.names = [other for other in self.names if other != name]

    def _tell(self, text: str) -> None:
        if not self.options.quiet:
            print(text, file=sys.stderr, flush=True)


def _row(name: str, columns: int, runs: list[dict[str, Any]]) -> Row:
    peaks, steps = ([run[key] for run in runs] for key in ("peak_mb", "step_s"))
    same = {key: runs[0][key] for key in ("parameters_mb", "device", "threads", "torch")}
    return Row(name, columns, _round(statistics.median(peaks)), _round(statistics.median(steps)),
               _round(max(peaks) - min(peaks)), _round(max(steps) - min(steps)), **same)  # fmt: skip


def _round(value: float) -> float:
    return round(value, 6)


def _memory(job: Job) -> dict[str, Any]:
    """The peak of two steps; runs in a process of its own."""
    warm_up(job)
    gc.collect()
    meter = CudaMeter() if job.device == "cuda" else CpuMeter()
    available = meter.available()
    before = meter.used()
    model, x = build(job), job.input()
    own = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    if job.keep_gradients:
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
    meter.reset_peak()
    for _ in range(2):
        model.zero_grad(set_to_none=not job.keep_gradients)
        train_step(model, x, job.amp)
    peak = meter.peak() - before - 2 * own
    return {"peak_mb": peak / 1e6, "parameters_mb": 2 * own / 1e6, "available_mb": available / 1e6,
            **machine(job.device)}  # fmt: skip


class CpuMeter:
    """The resident set of this process, in bytes.

    Linux keeps its peak (VmHWM) and lets a process reset it; elsewhere it is the peak since the start.
    """

    def used(self) -> int:
        """At present."""
        return self._read("VmRSS")

    def peak(self) -> int:
        """The most since `reset_peak`."""
        return self._read("VmHWM")

    def reset_peak(self) -> None:
        """Forget what was before, where the system permits it."""
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return

    def available(self) -> float:
        """What the machine, or the container, can still give."""
        try:
            lines = Path("/proc/meminfo").read_text().splitlines()
        except OSError:
            return float("inf")
        free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
        for names in CGROUPS:
            try:
                limit, used = ((Path("/sys/fs/cgroup") / name).read_text().strip() for name in names)
            except OSError:
                continue
            if limit != "max":
                free.append(int(limit) - int(used))
        return min(free, default=float("inf"))

    def _read(self, key: str) -> int:
        try:
            lines = Path("/proc/self/status").read_text().splitlines()
        except OSError:
            import resource  # not on Windows

            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak if sys.platform == "darwin" else peak * 1024
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))


class CudaMeter:
    """What torch has allocated on the device, in bytes."""

    def used(self) -> int:
        """At present."""
        torch.cuda.synchronize()
        return torch.cuda.memory_allocated()

    def peak(self) -> int:
        """The most since `reset_peak`."""
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated()

    def reset_peak(self) -> None:
        """Forget what was before."""
        torch.cuda.reset_peak_memory_stats()

    def available(self) -> float:
        """What the device can still give."""
        return float(torch.cuda.mem_get_info()[0])


def slope(rows: list[Row]) -> float | None:
    """MB per added column by least squares; None of a single row."""
    if len({row.columns for row in rows}) < 2:
        return None
    return statistics.linear_regression([row.columns for row in rows], [row.peak_mb for row in rows]).slope


def _print(rows: list[Row], options: argparse.Namespace) -> None:
    if not rows:
        return
    first = rows[0]
    amp = " with autocast to float16" if options.amp else ""
    grads = "there from the start" if options.keep_gradients else "set to None between steps"
    weights = "random alpha and layer scale" if options.random_weights else "weights as initialized"
    print(f"{first.device}, {first.threads} threads, torch {first.torch}; RevCol-{options.variant.upper()}'s channels "
          f"and blocks, {options.size}x{options.size}, batch {options.batch}, {options.dtype}{amp}, {weights}, "
          f"gradients {grads}; medians of {options.repeat}\n")  # fmt: skip
    at = {(row.contender, row.columns): row for row in rows}
    heads = ["columns", "contender", "peak MB", "of official", "of plain", "s a step", "of official", "of plain",
             "spread MB", "spread s"]  # fmt: skip
    lines = []
    for row in rows:
        others = [at.get((name, row.columns)) for name in ("official", "plain")]
        peaks = [f"{row.peak_mb / other.peak_mb:.2f}" if other else "-" for other in others]
        steps = [f"{row.step_s / other.step_s:.2f}" if other else "-" for other in others]
        lines.append([str(row.columns), row.contender, f"{row.peak_mb:.0f}", *peaks, f"{row.step_s:#.3g}", *steps,
                      f"{row.peak_spread_mb:.1f}", f"{row.step_spread_s:#.2g}"])  # fmt: skip
    print(table(heads, lines))
    names = dict.fromkeys(row.contender for row in rows)
    by_name = {name: [row for row in rows if row.contender == name] for name in names}
    slopes = {name: found for name, its in by_name.items() if (found := slope(its)) is not None}
    if not slopes:
        return
    plain = slopes.get("plain")
    lines = [[name, ", ".join(str(row.columns) for row in by_name[name]), f"{value:.1f}",
              "-" if plain is None else f"{value / plain:.2%}"] for name, value in slopes.items()]  # fmt: skip
    print("\n" + table(["contender", "columns", "MB per added column", "of plain's"], lines))


COLORS = {
    "official": "#d2603a",
    "official-plain": "#b08020",
    "plain": "#7d8590",
    "plain-fused": "#9a6fd0",
    "checkpoint": "#2f8fd0",
    "exact": "#1f9d55",
    "exact-hidden": "#5aa02c",
}


def _plot(rows: list[Row], options: argparse.Namespace) -> None:
    """Memory over columns, both axes logarithmic, as SVG or whatever the file's suffix says.

    Without a background, in tones that stand out on white and on black.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    grey = COLORS["plain"]
    pyplot.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "memory", "font.family": "sans-serif",
                            "font.size": 11, "text.color": grey, "axes.labelcolor": grey, "axes.edgecolor": grey,
                            "xtick.color": grey, "ytick.color": grey})  # fmt: skip
    figure, axes = pyplot.subplots(figsize=(8, 4.8))
    ends: list[tuple[str, float, float]] = []
    for name in dict.fromkeys(row.contender for row in rows):
        its = [row for row in rows if row.contender == name]
        xs, ys = [row.columns for row in its], [row.peak_mb for row in its]
        width = 3.0 if name == "exact" else 1.8
        axes.plot(xs, ys, marker="o", markersize=width + 3, linewidth=width, color=COLORS[name])
        ends.append((name, xs[-1], ys[-1]))
    counts = sorted({row.columns for row in rows})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.yaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xlabel("columns")
    axes.set_ylabel("MB above parameters and gradients")
    axes.set_title(f"Peak memory of a training step: {options.size}x{options.size}, batch {options.batch}, "
                   f"{options.dtype}", fontsize=12, loc="left")  # fmt: skip
    axes.grid(axis="y", color=grey, alpha=0.25, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.subplots_adjust(left=0.13, right=0.8, top=0.91, bottom=0.12)
    _label(axes, ends)
    figure.savefig(options.plot, transparent=True, metadata={"Date": None} if options.plot.suffix == ".svg" else None)


def _label(axes: Any, ends: list[tuple[str, float, float]]) -> None:
    """Every line's name at its end; where two would overlap, the upper one moves up."""
    below: list[tuple[float, float]] = []
    for name, x, y in sorted(ends, key=lambda end: end[2]):
        across, height = axes.transData.transform((x, y))
        place = max([height, *(other + 18 for at, other in below if abs(at - across) < 90)])
        below.append((across, place))
        axes.annotate(f"{name} {y:,.0f}", (x, y), (10, (place - height) * 72 / axes.figure.dpi - 4), color=COLORS[name],
                      textcoords="offset points", weight="bold" if name == "exact" else "normal",
                      annotation_clip=False)  # fmt: skip


def _options() -> argparse.Namespace:
    parser = shared_options(__doc__, "4,8,16,32")
    parser.add_argument("--contenders", type=chosen(NAMES),
                        help=f"of {', '.join(NAMES)}; default: {', '.join(DEFAULT)}")  # fmt: skip
    parser.add_argument("--random-weights", action="store_true",
                        help="alpha from .1 to .9, layer scale from .5 to 1, not the initial weights")  # fmt: skip
    parser.add_argument("--keep-gradients", action="store_true",
                        help="zero the gradients in place between the steps, not set them to None")  # fmt: skip
    parser.add_argument("--amp", action="store_true", help="in mixed precision, float16, as the YOLOs train on a GPU")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw memory over columns; needs matplotlib")
    options = parser.parse_args()
    if options.contenders is None:
        options.contenders = [name for name in DEFAULT if options.official or name not in OFFICIAL]
    if not options.official and any(name in OFFICIAL for name in options.contenders):
        parser.error("the official code needs --official PATH, a checkout of github.com/megvii-research/RevCol")
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        parser.error("--plot needs matplotlib: pip install 'yolopatch[upstream]'")
    return options


if __name__ == "__main__":
    main()
