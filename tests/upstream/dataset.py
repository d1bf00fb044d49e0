"""A small data set in YOLO format: bright shapes of three classes on noise."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

COLOURS = ((40, 40, 250), (40, 250, 40), (250, 40, 40))


def make(root: Path, train: int = 16, val: int = 8) -> Path:
    """Write images and labels below `root`; the data YAML."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for number in range(count):
            _image(root, split, number, rng)
    names = "names: [square, circle, triangle]"
    text = f"path: {root}\ntrain: {root}/images/train\nval: {root}/images/val\nnc: 3\n{names}\n"
    (root / "data.yaml").write_text(text)
    return root / "data.yaml"


def _image(root: Path, split: str, number: int, rng: np.random.Generator) -> None:
    height, width = (128, 160) if number % 2 else (160, 128)
    image = rng.integers(0, 60, (height, width, 3), dtype=np.uint8)
    rows = []
    for half in range(2):
        kind, size = int(rng.integers(3)), int(rng.integers(28, 56))
        x = int(rng.integers(0, width - size))
        y = int(rng.integers(0, height // 2 - size)) + half * height // 2
        _draw(image, kind, x, y, size)
        rows.append(
            f"{kind} {(x + size / 2) / width:.5f} {(y + size / 2) / height:.5f} {size / width:.5f} {size / height:.5f}"
        )
    cv2.imwrite(str(root / "images" / split / f"{number:03d}.jpg"), image)
    (root / "labels" / split / f"{number:03d}.txt").write_text("\n".join(rows) + "\n")


def _draw(image: np.ndarray, kind: int, x: int, y: int, size: int) -> None:
    colour = COLOURS[kind]
    if kind == 0:
        cv2.rectangle(image, (x, y), (x + size, y + size), colour, -1)
    elif kind == 1:
        cv2.circle(image, (x + size // 2, y + size // 2), size // 2, colour, -1)
    else:
        cv2.fillPoly(image, [np.array([[x, y + size], [x + size, y + size], [x + size // 2, y]])], colour)
