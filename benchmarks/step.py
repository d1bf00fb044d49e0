"""The training step of a whole YOLOv8 with RevCol beside upstream's own model of about its size.

    yolopatch apply --yolo v8 --variant revcol-a --dest bench8
    python benchmarks/step.py bench8
    python benchmarks/step.py bench8 --cfg configs/yolov8-revcol-a.yaml --against yolov8n.yaml --json

Both are built by the workspace's own DetectionModel from its YAMLs. A step is forward, upstream's loss
on random boxes, backward, and gradients set to None; no data loader, no optimizer. `plain mode` is the
same model with RevCol in `mode: plain`, which tells what the exact mode costs. Every figure comes from
a process of its own, in training mode, with as many threads as there are processors; the contenders
take turns, and medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from contenders import Failed, Job, machine, run_child, serve, table, timed
from torch import Tensor, nn

SETTINGS = {
    "OMP_NUM_THREADS": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1),
    "PYTHONDONTWRITEBYTECODE": "1",  # leave the workspace as it is
    "YOLO_OFFLINE": "true",
    "YOLO_AUTOINSTALL": "false",
    "YOLO_VERBOSE": "false",
}
BOXES = 8  # in every image
CLASSES = 80


@dataclass(frozen=True)
class Step:
    """One measurement: which model of the workspace, and on what."""

    workspace: str
    cfg: str
    plain: bool
    size: int
    batch: int
    steps: int
    device: str
    amp: bool


@dataclass(frozen=True)
class Row:
    """One model at one size: the median of its processes' medians, and the distance from least to most."""

    model: str
    size: int
    batch: int
    step_s: float
    spread_s: float
    of_stock: float
    parameters: int
    device: str
    threads: int
    torch: str


def main() -> None:
    """Measure both at every size and print a table or JSON."""
    if serve({"step": _step}, Step):
        return
    options = _options()
    with tempfile.TemporaryDirectory(prefix="yolopatch-step-") as scratch:
        environment = {**SETTINGS, "PYTHONPATH": options.workspace, "YOLO_CONFIG_DIR": scratch, "MPLCONFIGDIR": scratch}
        try:
            rows = [row for size, batch in options.at for row in _measure(size, batch, options, environment)]
        except Failed as error:
            raise SystemExit(str(error)) from None
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    _print(rows, options.repeat, options.amp)


def _measure(size: int, batch: int, options: argparse.Namespace, environment: dict[str, str]) -> list[Row]:
    def step(cfg: str, plain: bool = False) -> Step:
        return Step(options.workspace, cfg, plain, size, batch, options.steps, options.device, options.amp)

    name = Path(options.cfg).stem
    steps = {Path(options.against).stem: step(options.against), name: step(options.cfg),
             f"{name}, plain mode": step(options.cfg, plain=True)}  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in steps}
    for repeat in range(options.repeat):
        for name, job in steps.items():
            if not options.quiet:
                text = f"{size}x{size}, batch {batch}, run {repeat + 1} of {options.repeat}: {name}"
                print(text, file=sys.stderr, flush=True)
            found[name].append(run_child(__file__, "step", job, threshold=False, environment=environment))
    stock = statistics.median(run["step_s"] for run in found[Path(options.against).stem])
    return [_row(name, size, batch, runs, stock) for name, runs in found.items()]


def _row(name: str, size: int, batch: int, runs: list[dict[str, Any]], stock: float) -> Row:
    seconds = [run["step_s"] for run in runs]
    median = statistics.median(seconds)
    same = {key: runs[0][key] for key in ("parameters", "device", "threads", "torch")}
    spread = max(seconds) - min(seconds)
    return Row(name, size, batch, round(median, 6), round(spread, 6), round(median / stock, 3), **same)


def _step(job: Step) -> dict[str, Any]:
    """Seconds of a step; in a process of its own, whose path has the workspace's ultralytics first."""
    import ultralytics
    from ultralytics.nn import tasks
    from ultralytics.utils import DEFAULT_CFG

    if not Path(ultralytics.__file__).is_relative_to(job.workspace):
        raise SystemExit(f"{job.workspace}: ultralytics was imported from {ultralytics.__file__}, not from there")
    torch.manual_seed(0)
    build: Any = tasks.DetectionModel
    model = build(_cfg(job), ch=3, nc=CLASSES, verbose=False)
    model.args = DEFAULT_CFG
    if job.plain:
        for module in model.modules():
            if type(module).__name__ == "RevCol":
                module.mode = "plain"
    model.to(job.device).train()
    batch = {key: value.to(job.device) for key, value in _batch(job).items()}

    def step() -> None:
        with torch.autocast(job.device, dtype=torch.float16, enabled=job.amp):
            loss, _ = model.loss(batch)
        loss.sum().backward()
        model.zero_grad(set_to_none=True)

    seconds = timed(step, Job("", steps=job.steps, device=job.device))
    return {"step_s": statistics.median(seconds), "parameters": _parameters(model), **machine(job.device)}


def _cfg(job: Step) -> str:
    """A file of the workspace; else a name that upstream looks up, yolov8n.yaml for instance."""
    file = Path(job.workspace, job.cfg)
    return str(file) if file.is_file() else job.cfg


def _batch(job: Step) -> dict[str, Tensor]:
    """What v8's data loader gives: images, and boxes as centre and size, relative to the image."""
    generator = torch.Generator().manual_seed(1)
    count = BOXES * job.batch
    sizes = torch.rand(count, 2, generator=generator) * 0.25 + 0.05
    centres = sizes / 2 + torch.rand(count, 2, generator=generator) * (1 - sizes)
    return {
        "img": torch.rand(job.batch, 3, job.size, job.size, generator=generator),
        "batch_idx": torch.arange(job.batch).repeat_interleave(BOXES).float(),
        "cls": torch.randint(CLASSES, (count, 1), generator=generator).float(),
        "bboxes": torch.cat((centres, sizes), 1),
    }


def _parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _print(rows: list[Row], repeat: int, amp: bool) -> None:
    first = rows[0]
    precision = ", autocast to float16" if amp else ""
    print(f"{first.device}, {first.threads} threads, torch {first.torch}{precision}; medians of {repeat}\n")
    lines = [[f"{row.size}x{row.size}", str(row.batch), row.model, f"{row.parameters / 1e6:.2f}M", f"{row.step_s:#.3g}",
              f"{row.of_stock:.2f}", f"{row.spread_s:#.2g}"] for row in rows]  # fmt: skip
    print(table(["images", "batch", "model", "parameters", "s a step", "of stock", "spread s"], lines))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", help="a YOLOv8 that yolopatch apply made")
    parser.add_argument("--cfg", help="YAML in the workspace; default: the one of its form detect")
    parser.add_argument("--against", default="yolov8n.yaml", help="upstream's YAML; default: yolov8n.yaml")
    parser.add_argument("--at", nargs="+", type=_size_and_batch, default=[(320, 16), (640, 4)], metavar="SIZE:BATCH",
                        help="default: 320:16 640:4")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=3, help="processes of each; default: 3")
    parser.add_argument("--steps", type=int, default=5, help="timed steps of a process; default: 5")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    parser.add_argument("--amp", action="store_true", help="in mixed precision, float16, as upstream trains on a GPU")
    parser.add_argument("--json", action="store_true", help="print a list of rows in place of the table")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    options = parser.parse_args()
    lock = Path(options.workspace, "yolopatch.lock")
    if not lock.is_file():
        parser.error(f"{options.workspace}: there is no yolopatch.lock in it, so it is no workspace")
    options.workspace = str(lock.parent.resolve())
    options.cfg = options.cfg or json.loads(lock.read_text())["configs"]["detect"]
    return options


def _size_and_batch(text: str) -> tuple[int, int]:
    size, _, batch = text.partition(":")
    return int(size), int(batch)


if __name__ == "__main__":
    main()
