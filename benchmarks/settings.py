"""What RevCol needs to learn from scratch: learning rate, bias warm-up, initialization, layer scale, stem, fusion.

Each setting trains revcol-a in YOLOv8 (upstream's own model and loss) on the demo set for a few hundred steps, with
the same pictures in the same order, and prints the mean losses of each sixth of them, and how far the biases that
began at 0 have spread. One thing is changed at a time; stock YOLOv8n stands beside it. There is no augmentation, no EMA
and no validation: this tells what learns at all.

    yolopatch data demo digits --size 96
    yolopatch apply --yolo v8 --variant revcol-a --nc 4 --dest w
    python benchmarks/settings.py w digits
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

BATCH, WARM_UP = 16, 60
CONFIG = "configs/yolov8-revcol-a.yaml"


@dataclass(frozen=True)
class Setting:
    """One line of the table."""

    name: str
    options: dict[str, Any] | None = field(default_factory=dict)
    """Options of RevCol's row; None is stock."""
    rate: float = 0.004
    biases: float = 0.0
    """The learning rate that biases have at first in warm-up; all others start from 0."""


SETTINGS = (
    Setting("stock", None),
    Setting("stock, bias warm-up 0.1", None, biases=0.1),
    Setting("revcol-a"),
    Setting("revcol-a, learning rate 0.002", rate=0.002),
    Setting("revcol-a, learning rate 0.008", rate=0.008),
    Setting("revcol-a, bias warm-up 0.01", biases=0.01),
    Setting("revcol-a, bias warm-up 0.1", biases=0.1),
    Setting("revcol-a, layer scale 1.0", {"layer_scale": 1.0}),
    Setting("revcol-a, layer scale 1e-6", {"layer_scale": 1e-6}),
    Setting("revcol-a, the paper's initialization", {"init": "paper"}),
    Setting("revcol-a, the paper's initialization, layer scale 1.0", {"init": "paper", "layer_scale": 1.0}),
    Setting("revcol-a, the paper's stem", {"stem": "patch"}),
    Setting("revcol-a, attention", {"fusion": "attention"}),
)


def main() -> None:
    """Train every setting and print a table."""
    options = _options()
    torch.set_num_threads(1)
    pictures, labels = _load(options.data.absolute())
    os.chdir(options.workspace)
    sys.path.insert(0, str(Path.cwd()))
    print("| setting | box / cls loss in each sixth | spread of biases |\n|---|---|---|")
    for setting in SETTINGS:
        if options.only in setting.name:
            losses, spread = _train(setting, pictures, labels, options.steps)
            parts = [part.mean(axis=0) for part in np.array_split(losses, 6)]
            shown = ", ".join(f"{box:.2f} / {cls:.2f}" for box, cls, _ in parts)
            print(f"| {setting.name} | {shown} | {spread:.2f} |", flush=True)


def _load(folder: Path) -> tuple[torch.Tensor, list[torch.Tensor]]:
    pictures, labels = [], []
    for path in sorted((folder / "images/train").iterdir()):
        pictures.append(torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1))
        text = (folder / "labels/train" / f"{path.stem}.txt").read_text(encoding="utf-8").split()
        labels.append(torch.tensor([float(word) for word in text]).reshape(-1, 5))
    return torch.stack(pictures), labels


def _model(setting: Setting) -> Any:
    from ultralytics.cfg import get_cfg
    from ultralytics.nn.tasks import DetectionModel

    torch.manual_seed(0)
    config: Any = "yolov8n.yaml"
    if setting.options is not None:
        config = yaml.safe_load(Path(CONFIG).read_text(encoding="utf-8"))
        config["backbone"][0][3][3].update(setting.options)
        config["yaml_file"] = "yolov8n.yaml"
    model = DetectionModel(config, nc=4, verbose=False)
    model.args = get_cfg()
    return model.train()


def _train(
    setting: Setting, pictures: torch.Tensor, labels: list[torch.Tensor], steps: int
) -> tuple[np.ndarray, float]:
    """The losses of each step (box, cls, dfl), and the standard deviation at the end of the biases that began at 0."""
    model = _model(setting)
    at_zero = [value for name, value in model.named_parameters() if name.endswith("bias") and not value.any()]
    biases = [value for name, value in model.named_parameters() if name.endswith("bias")]
    rest = [value for name, value in model.named_parameters() if not name.endswith("bias")]
    optimizer = torch.optim.AdamW([{"params": rest}, {"params": biases}], betas=(0.937, 0.999), weight_decay=5e-4)
    random = torch.Generator().manual_seed(0)
    order = torch.cat([torch.randperm(len(labels), generator=random) for _ in range(steps * BATCH // len(labels) + 1)])
    losses = []
    for step in range(steps):
        warm = min(1.0, (step + 1) / WARM_UP)
        for group, start in zip(optimizer.param_groups, (0.0, setting.biases), strict=True):
            group["lr"] = start + warm * (setting.rate - start)
        chosen = order[step * BATCH : (step + 1) * BATCH].tolist()
        loss, items = model.loss(_batch(chosen, pictures, labels))
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(items.tolist())
    return np.array(losses), float(torch.cat([value.detach().flatten() for value in at_zero]).std())


def _batch(chosen: list[int], pictures: torch.Tensor, labels: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    rows = torch.cat([labels[number] for number in chosen])
    places = torch.cat([torch.full((len(labels[number]),), float(place)) for place, number in enumerate(chosen)])
    return {
        "img": pictures[chosen].float() / 255,
        "cls": rows[:, :1],
        "bboxes": rows[:, 1:],
        "batch_idx": places,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workspace", type=Path, help="a workspace of v8 with revcol-a")
    parser.add_argument("data", type=Path, help="the demo set's folder")
    parser.add_argument("--steps", type=int, default=240, help="steps of each setting; default: 240")
    parser.add_argument("--only", default="", metavar="TEXT", help="settings whose name has this in it")
    return parser.parse_args()


if __name__ == "__main__":
    main()
