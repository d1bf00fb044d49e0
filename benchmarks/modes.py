"""The training step of one backbone in its modes, in mixed and single precision, in one process on one device.

    python benchmarks/modes.py
    python benchmarks/modes.py --device cpu --size 96 --batch 2

The backbone is revcol-n's. `exact` is the default; `plain-fused` keeps the features of all columns and of
a block its input alone; `plain` is ordinary autograd on ordinary operations. `deterministic` stands for
torch.use_deterministic_algorithms, which YOLO v5, v8 and v9 turn on. A step is forward, sum of squares,
backward, gradients set to None; the first is not counted. Memory is the peak of
torch.cuda.max_memory_allocated above the built model and the images; a CPU has none (memory.py measures it).
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic matrix products ask for

import torch
from contenders import OURS, Job, image_size, machine, table, timed, train_step
from memory import CudaMeter

from yolopatch.catalog import Catalog
from yolopatch.payload.revcol import RevCol

MODES = ("exact", "plain-fused", "plain")
OPTIONS = {"drop_path": 0.1, "stem": "overlap", "init": "kaiming", "layer_scale": 0.1}


def main() -> None:
    """Measure and print."""
    options = _options()
    found = machine(options.device)
    print(f"{found['device']}, torch {found['torch']}; revcol-n's backbone, {options.size}x{options.size}, batch "
          f"{options.batch}; medians of {options.steps}\n")  # fmt: skip
    lines = []
    for deterministic, mixed, mode in itertools.product((False, True), (True, False), MODES):
        seconds, peak = _measure(mode, mixed, deterministic, options)
        words = ["yes" if deterministic else "no", "float16" if mixed else "float32", mode]
        lines.append([*words, f"{seconds * 1e3:.0f}", "-" if peak is None else f"{peak / 1e6:.0f}"])
    print(table(["deterministic", "precision", "mode", "ms a step", "peak MB"], lines))


def _measure(mode: str, mixed: bool, deterministic: bool, options: argparse.Namespace) -> tuple[float, int | None]:
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.deterministic = deterministic
    torch.manual_seed(0)
    variant, device = Catalog().variants["revcol-n"], torch.device(options.device)
    model = RevCol(variant.channels, variant.blocks, variant.columns, {**OPTIONS, **OURS[mode]}).to(device).train()
    images = torch.rand(options.batch, 3, options.size, options.size, device=device)

    def step() -> None:
        train_step(model, images, mixed)
        model.zero_grad(set_to_none=True)

    meter = CudaMeter() if device.type == "cuda" else None
    before = meter.used() if meter else 0
    step()
    if meter:
        meter.reset_peak()
    seconds = timed(step, Job(mode, steps=options.steps, device=options.device), warmups=0)
    return statistics.median(seconds), meter.peak() - before if meter else None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda", help="default: cuda")
    parser.add_argument("--size", type=image_size, default=640, help="height and width of the images; default: 640")
    parser.add_argument("--batch", type=int, default=16, help="images a step; default: 16")
    parser.add_argument("--steps", type=int, default=5, help="timed steps; default: 5")
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        parser.error("this torch sees no GPU; use --device cpu")
    return options


if __name__ == "__main__":
    main()
