"""Two small upstreams that really train something, in a moment, and go on after a kill as if there had been none."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests import mini
from tests.small_training import INTERFACE, VAL
from tests.upstream import dataset

MEASURED = ("seconds", "peak_memory_bytes", "gpu_memory_bytes")
PAIR = {"yolo": "tiny", "variant": ["stock", "revcol-x"]}
"""A grid of two cells."""

TRAIN = """\
import argparse, os, pathlib, time, torch, yaml
parser = argparse.ArgumentParser()
for name in ("cfg", "weights", "data", "epochs", "imgsz", "batch", "device", "seed", "place", "resume"):
    parser.add_argument("--" + name)
parser.add_argument("--pause", type=float, default=0.0)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--fail", action="store_true")
parser.add_argument("--fail-once")
parser.add_argument("--gate")
opt = parser.parse_args()
start = 0
if opt.resume:
    found = torch.load(opt.resume, weights_only=False)
    opt, start = argparse.Namespace(**found["opt"]), found["epoch"] + 1
    model = found["model"]
else:
    torch.manual_seed(int(opt.seed))
    model = torch.nn.Linear(8, 1)
    place = pathlib.Path(opt.place)
    (place / "weights").mkdir(parents=True, exist_ok=True)
    (place / "results.csv").write_text("epoch,loss,map\\n")
place = pathlib.Path(opt.place)
cfg = yaml.safe_load(pathlib.Path(opt.cfg).read_text())
target = torch.linspace(0, 1, 8) * (2 if "backbone" in cfg else 1)
if opt.fail_once and not os.path.exists(opt.fail_once):
    pathlib.Path(opt.fail_once).touch()
    raise RuntimeError("the first time never works")
if opt.fail:
    raise RuntimeError("the loss is gone")
for epoch in range(start, int(opt.epochs)):
    print("     Epoch    GPU_mem   box_loss", flush=True)
    print(f"  {epoch}/{int(opt.epochs) - 1}  0G  0.5  9  64: 100%|###", flush=True)
    while opt.gate and epoch == 1 and not os.path.exists(opt.gate):
        time.sleep(0.05)
    time.sleep(opt.pause)
    draw = torch.Generator().manual_seed(1000 * int(opt.seed) + epoch)
    x = torch.rand(64, 8, generator=draw)
    optimizer = torch.optim.SGD(model.parameters(), opt.lr)
    for _ in range(20):
        loss = torch.nn.functional.mse_loss(model(x)[:, 0], x @ target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with (place / "results.csv").open("a") as table:
        table.write(f"{epoch},{float(loss)},{1 / (1 + float(loss))}\\n")
    for name in ("last", "best"):
        torch.save({"epoch": epoch, "model": model, "opt": vars(opt)}, place / "weights" / f"{name}.pt")
"""


@dataclass(frozen=True)
class Place:
    """The upstreams, and the command line in a folder of its own."""

    root: Path
    folder: Path
    variables: dict[str, str]
    name: str = "small"

    @property
    def file(self) -> Path:
        """The sweep's file."""
        return self.folder / "sweep.yaml"

    @property
    def dest(self) -> Path:
        """Where its cells are."""
        return self.folder / self.name

    def write(self, **keys: object) -> None:
        """Write the sweep's file: `keys` beside and in place of what every one has."""
        common = {"name": self.name, "data": "d/data.yaml", "epochs": 3, "imgsz": 64, "batch": 2, "device": "cpu"}
        grid = {"yolo": ["tiny"], "variant": ["stock", "revcol-x"], "seed": [0, 1]}
        self.file.write_text(yaml.safe_dump({**common, "grid": grid, **keys}, sort_keys=False))

    def command(self, *args: str) -> list[str]:
        """`yolopatch sweep`."""
        return [sys.executable, "-m", "yolopatch", "sweep", "sweep.yaml", *args]

    def run(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(self.command(*args), **self._how, capture_output=True)

    def start(self, command: list[str]) -> subprocess.Popen[str]:
        """Start it, or another program in its place."""
        return subprocess.Popen(command, **self._how, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    @property
    def _how(self) -> dict[str, object]:
        return {"cwd": self.folder, "env": self.variables, "text": True}


def table(run: Path) -> list[dict[str, str]]:
    """The rows of a run, without what is measured."""
    with (run / "results.csv").open() as file:
        return [{key: value for key, value in row.items() if key not in MEASURED} for row in csv.DictReader(file)]


def tables(dest: Path) -> dict[str, list[dict[str, str]]]:
    """The rows of all runs of a sweep."""
    return {str(file.parent.relative_to(dest)): table(file.parent) for file in sorted(dest.glob("*/runs/*/run.json"))}


def begun(run: Path) -> bool:
    """Whether an epoch of a run is over."""
    return (run / "run.json").exists() and json.loads((run / "run.json").read_text())["epochs_done"] > 0


def make(root: Path) -> Place:
    """YOLOs `tiny` and `twin`, variants stock and revcol-x, and a data set."""
    tiny = mini.make(root)
    for name, text in (("train.py", TRAIN), ("val.py", VAL)):
        (tiny.repository / name).write_text(text)
    mini.git(tiny.repository, "add", "-A")
    mini.git(tiny.repository, "commit", "-q", "-m", "train")
    commit = mini.git(tiny.repository, "rev-parse", "HEAD").strip()
    text = tiny.upstream_yaml.read_text().replace("[models/, run.sh", "[models/, train.py, val.py, run.sh")
    tiny.upstream_yaml.write_text(text.replace(tiny.commit, commit) + INTERFACE)
    patches = tiny.data / "patches"
    shutil.copytree(patches / "tiny", patches / "twin")
    twin = (patches / "twin" / "upstream.yaml").read_text().replace("yolo: tiny", "yolo: twin")
    (patches / "twin" / "upstream.yaml").write_text(twin.replace("tiny\nname: yolotiny", "twin\nname: yolotwin"))
    folder, home = root / "work", root / "home"
    home.mkdir()
    dataset.make(folder / "d", train=2, val=2)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "YOLOPATCH_", "SLURM_"))}
    variables = {"HOME": str(home), "YOLOPATCH_DATA": str(tiny.data), "YOLOPATCH_CACHE": str(root / "cache")}
    return Place(root, folder, {**kept, **variables, "NO_COLOR": "1", "COLUMNS": "200", "OMP_NUM_THREADS": "1"})
