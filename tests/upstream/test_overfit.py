"""A patched model learns a handful of pictures by heart, by upstream's own training and validation."""

from __future__ import annotations

import json

import pytest

from tests.upstream import dataset

pytestmark = pytest.mark.usefixtures("registry")

# Few steps and no augmentation but a little movement: validation pads the pictures.
ARGUMENTS = {
    "v8": (
        *("optimizer=AdamW", "lr0=0.003", "nbs=8", "warmup_epochs=1", "plots=False"),
        *("mosaic=0", "fliplr=0", "scale=0.1", "translate=0.1", "hsv_h=0", "hsv_s=0", "hsv_v=0", "erasing=0"),
    ),
}


@pytest.mark.parametrize("yolo", ARGUMENTS)
def test_eight_pictures_are_learned_by_heart(yolo, apply, yolopatch, tmp_path):
    folder, _ = apply("--yolo", yolo, "--variant", "revcol-a", "--origin", "pypi", "--verify", "none")
    root = tmp_path / "d"
    dataset.make(root, train=8, val=1)
    pictures = sorted((root / "images/train").iterdir())
    (root / "train.txt").write_text("".join(f"{picture}\n" for picture in pictures * 8))
    (root / "val.txt").write_text("".join(f"{picture}\n" for picture in pictures))
    names = "[square, circle, triangle]"
    (root / "eight.yaml").write_text(f"train: {root}/train.txt\nval: {root}/val.txt\nnc: 3\nnames: {names}\n")
    small = ("--epochs", "14", "--imgsz", "96", "--batch", "8", "--device", "cpu", "--workers", "0", "--no-check")
    trained = ("train", folder, "--data", root / "eight.yaml", *small, "--name", "eight", "--json")
    done = yolopatch(*trained, "--", *ARGUMENTS[yolo])
    best = json.loads(done.stdout)["best"]
    assert best["mAP50"] >= 0.9
    assert best["val"]["by_size"]["images"] == 8
