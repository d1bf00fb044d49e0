"""What a YOLO data set is to the rest of the project: pictures, their label files, the names of the classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SPLITS = ("train", "val", "test")

# What all four YOLOs read; v5, v8 and v9 know a few more, and all pass over other files without a word.
PICTURE_SUFFIXES = frozenset({".bmp", ".dng", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True)
class Picture:
    """One picture. Its label file may not exist: then it is a background, a picture without objects."""

    path: Path
    label: Path


@dataclass(frozen=True)
class Label:
    """One object: class and box, centre and size in parts of the picture's width and height (0 to 1)."""

    cls: int
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Dataset:
    """A data YAML with its pictures found. `absent` names splits that stand in the YAML and not on the disk."""

    yaml: Path
    names: tuple[str, ...]
    splits: dict[str, tuple[Picture, ...]]
    absent: tuple[str, ...] = ()
