"""A small upstream whose models can be measured: stock, and with the RevCol of the payload."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import mini

TREE = Path(__file__).parent.parent / "verify" / "tree"

NET = """\
import os
import signal
from pathlib import Path

import torch
import yaml
from mini.model import Detect, Stem, down
from torch import nn


class Model(nn.Module):
    def __init__(self, cfg, ch=3, nc=None):
        super().__init__()
        self.yaml = yaml.safe_load(Path(cfg).read_text())
        behaviour = os.environ.get("TEST_BEHAVIOUR", "").partition(":")
        if behaviour[0] == "raise" and self.yaml["backbone"][0][2] == behaviour[2]:
            raise ValueError("this model\\nis broken")
        if behaviour[0] == "die" and self.yaml["backbone"][0][2] == behaviour[2]:
            os.kill(os.getpid(), signal.SIGKILL)
        self.behaviour = behaviour[2] if behaviour[0] == "export" else None
        kind, arguments = self.yaml["backbone"][0][2:4]
        if kind == "RevCol":
            from models.revcol import RevCol

            rows = [RevCol(*arguments), Pick(), Detect(nc, arguments[0][3])]
        else:
            rows = [Stem(8), nn.Sequential(*(down(8, 8) for _ in range(3))), Detect(nc, 8)]
        for number, row in enumerate(rows):
            row.i, row.f, row.type, row.np = number, -1, f"models.net.{type(row).__name__}", 0
        self.model = nn.Sequential(*rows)
        self.stride = torch.tensor([32.0])

    def forward(self, x):
        return self.model(x)


class Pick(nn.Module):
    def forward(self, levels):
        return levels[3]
"""

PROBE = """\
model: {class: ["models.net:Model"], arguments: {ch: 3}}
hyp: {files: [hyp.yaml]}
attributes: {hyp: {source: hyp}, names: {source: names}}
loss: [{class: "mini.training:Loss", arguments: [predictions, targets]}]
decoded: {path: [0], layout: rows, per_cell: 1, values: 5}
metrics:
  nms: ["mini.training:non_max_suppression"]
  box_iou: ["mini.training:box_iou"]
  ap_per_class: ["mini.training:ap_per_class"]
  ap_result: 0
export: [{script: export.py, arguments: [--weights, "{weights}", --imgsz, "{imgsz}"]}]
forms: {detect: {}}
"""

STOCK = "nc: 80\nbackbone:\n  - [-1, 1, Stem, [8]]\nhead:\n  - [-1, 1, Detect, [nc]]\n"
QUICK = ("--imgsz", "64", "--train-imgsz", "64", "--rounds", "2", "--seconds", "0.01")
NAMES = ("--yolo", "tiny", "--variant", "stock,revcol-x", "--nc", "3")


@dataclass(frozen=True)
class Place:
    """The command line in a folder of its own."""

    folder: Path
    variables: dict[str, str]

    def run(self, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`yolopatch ARGS`, to its end."""
        command = [sys.executable, "-m", "yolopatch", *args]
        environment = {**self.variables, **variables}
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    def compare(self, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`yolopatch compare`, quick."""
        return self.run("compare", *args, *QUICK, **variables)

    def files(self) -> dict[str, bytes]:
        """Everything in the folder beside the workspaces' own git."""
        found = (file for file in self.folder.rglob("*") if file.is_file() and ".git" not in file.parts)
        return {str(file.relative_to(self.folder)): file.read_bytes() for file in found}


def make(root: Path) -> Place:
    """The upstream, its catalog, and an empty folder to work in."""
    tiny = mini.make(root)
    for name in ("mini", "export.py", "hyp.yaml"):
        source, target = TREE / name, tiny.repository / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
    (tiny.repository / "models" / "net.py").write_text(NET)
    (tiny.repository / "models" / "tiny.yaml").write_text(STOCK)
    mini.git(tiny.repository, "add", "-A")
    mini.git(tiny.repository, "commit", "-q", "-m", "A model")
    commit = mini.git(tiny.repository, "rev-parse", "HEAD").strip()
    text = tiny.upstream_yaml.read_text().replace(tiny.commit, commit)
    tiny.upstream_yaml.write_text(text.replace("[models/, ", "[models/, mini/, export.py, hyp.yaml, "))
    (tiny.data / "patches" / "tiny" / "probe.yaml").write_text(PROBE)
    work, home = root / "work", root / "home"
    for made in (work, home):
        made.mkdir()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "YOLOPATCH_"))}
    variables = {"HOME": str(home), "YOLOPATCH_DATA": str(tiny.data), "YOLOPATCH_CACHE": str(root / "cache")}
    return Place(work, {**kept, **variables, "NO_COLOR": "1", "COLUMNS": "200"})


def add_run(workspace: Path, name: str, *, seed: int = 0, status: str = "finished", **changes: Any) -> Path:
    """A run as `yolopatch train` leaves it; `changes` are of its data set's name, pictures and classes."""
    folder = workspace / "runs" / name
    data = {"name": "digits", "pictures": ("a.png", "b.png"), "classes": ["zero", "one", "two"], **changes}
    (folder / "data").mkdir(parents=True)
    for split in ("train", "val"):
        (folder / "data" / f"{split}.txt").write_text("".join(f"/d/{one}\n" for one in data["pictures"]))
    (folder / "data" / "data.yaml").write_text(json.dumps({"names": data["classes"], "nc": len(data["classes"])}))
    weights = folder / "upstream" / "weights" / "best.pt"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    rows = [f"{epoch},{0.1 * epoch},{0.05 * epoch},1.5" for epoch in (1, 2)]
    (folder / "results.csv").write_text("epoch,mAP50,mAP50-95,seconds\n" + "\n".join(rows) + "\n")
    arguments = {"epochs": 2, "imgsz": 64, "batch": 4, "form": "detect", "device": "cpu", "data": f"/d/{data['name']}/data.yaml"}  # fmt: skip # noqa: E501
    best = {"weights": "upstream/weights/best.pt", "mAP50": 0.2 + seed / 10, "mAP50-95": 0.1, "AP-small": 0.05}
    record = {"status": status, "arguments": arguments, "seed": seed, "epochs_done": 2, "best": best, "started": name}
    (folder / "run.json").write_text(json.dumps(record))
    return folder
