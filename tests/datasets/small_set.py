"""Small data sets on the disk, made of real picture files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml as pyyaml
from PIL import Image


def picture(path: Path, size: tuple[int, int] = (40, 30), **options: object) -> Path:
    """Write a plain picture of `size` (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 120, 40)).save(path, **options)
    return path


def label(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def data_yaml(root: Path, **changes: object) -> Path:
    """A data YAML with absolute entries; `changes` replace keys, or drop them with None."""
    data: dict[str, object] = {
        "train": str(root / "images" / "train"),
        "val": str(root / "images" / "val"),
        "nc": 2,
        "names": ["cat", "dog"],
    }
    data = {key: value for key, value in {**data, **changes}.items() if value is not None}
    file = root / "data.yaml"
    file.write_text(pyyaml.safe_dump(data), encoding="utf-8")
    return file


def make(root: Path, labels: Mapping[str, str] | None = None, **changes: object) -> Path:
    """A set with two pictures a split; `labels` replaces label files by "split/stem". Its data YAML."""
    texts = {"train/a": "0 0.5 0.5 0.5 0.5\n", "train/b": "1 0.5 0.5 0.1 0.1\n", "val/c": "0 0.5 0.5 0.2 0.4\n"}
    texts |= {"val/d": "1 0.25 0.25 0.5 0.5\n0 0.75 0.75 0.1 0.1\n", **(labels or {})}
    for name, text in texts.items():
        picture(root / "images" / f"{name}.png")
        label(root / "labels" / f"{name}.txt", text)
    return data_yaml(root, **changes)
