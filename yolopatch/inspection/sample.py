"""Which pictures, and which squares of them, the measures look at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yolopatch.datasets import Label, Picture, read_labels
from yolopatch.datasets.extras import need
from yolopatch.errors import RequestError

BLOCK = 32
"""Pixels: the side of a square, the coarsest stride of the backbones."""
CELL = 4
"""Pixels: the input is rebuilt at a quarter of its sides, the finest stride that both backbones share."""
FITTED, HELD_OUT = 1536, 512
"""At most so many squares to fit a map on, and to answer for."""
FEWEST = 16
"""Pictures."""
_GREY = 114  # upstream's padding
_LEAST = 0.25  # share of the pictures that are held out

Array = NDArray[Any]


@dataclass(frozen=True)
class Sample:
    """Pictures and squares.

    `images` (N, S, S, 3), uint8, RGB. `blocks` (B, 3): picture, row and column of a square, in squares. `target`
    (B, 8, 8, 3), the square's pixels from 0 to 1, averaged over 4x4. `labels` (B, classes), from 0 to 1: how much of an
    object of that class lies in the square, or how much of the square in it, whichever is more. `held_out` (B,).
    """

    images: Array
    blocks: Array
    target: Array
    labels: Array
    held_out: Array

    @property
    def pictures(self) -> Array:
        """The picture of each square, (B,)."""
        found: Array = self.blocks[:, 0]
        return found


def draw(
    pictures: Sequence[Picture], classes: int, size: int, count: int, seed: int, step: Callable[[int, int], None]
) -> Sample:
    """Draw `count` of the pictures and squares from them; a quarter of the pictures is held out.

    Squares that hold padding are not drawn.

    Raises:
        RequestError: there are too few pictures, or one cannot be read.
    """
    if min(count, len(pictures)) < FEWEST:
        few = min(count, len(pictures))
        raise RequestError(f"{few} pictures are too few to measure on; give {FEWEST} or more (--images, --split)")
    random = np.random.default_rng(seed)
    chosen = random.permutation(len(pictures))[:count]
    images = np.full((len(chosen), size, size, 3), _GREY, dtype=np.uint8)
    whole: list[Array] = []
    labels: list[Array] = []
    for number, index in enumerate(chosen):
        step(number, len(chosen))
        box = letterbox(pictures[index].path, images[number])
        rows, columns = _inside(box)
        whole.append(np.array([(number, row, column) for row in rows for column in columns], dtype=np.int64))
        labels.append(_presence(read_labels(pictures[index].label), classes, box, size // BLOCK))
    first_held = len(chosen) - max(1, round(len(chosen) * _LEAST))
    fitted = _some(random, [one for one in whole[:first_held] if len(one)], FITTED)
    held = _some(random, [one for one in whole[first_held:] if len(one)], HELD_OUT)
    blocks = np.concatenate((fitted, held))
    presence = np.stack([labels[picture][row, column] for picture, row, column in blocks])
    return Sample(images, blocks, _target(images, blocks), presence, blocks[:, 0] >= first_held)


def letterbox(path: Path, into: Array) -> tuple[float, float, float, float]:
    """Put a picture into the middle of `into`, (S, S, 3), as upstream's validation does; left, top, width, height.

    Raises:
        RequestError: it cannot be read.
        EnvironmentFailed: Pillow is not installed.
    """
    image_module, ops = need("PIL.Image", "Pillow"), need("PIL.ImageOps", "Pillow")
    size = len(into)
    try:
        with image_module.open(path) as file:
            image = ops.exif_transpose(file).convert("RGB")
    except Exception as error:  # Pillow raises what the format's decoder happens to raise
        told = getattr(error, "strerror", None) or "not a picture, or damaged"
        raise RequestError(f"{path}: no picture that can be read ({told}); name another") from error
    scale = size / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    left, top = (size - width) // 2, (size - height) // 2
    into[top : top + height, left : left + width] = np.asarray(image.resize((width, height), image_module.BILINEAR))
    return float(left), float(top), float(width), float(height)


def _inside(box: tuple[float, float, float, float]) -> tuple[range, range]:
    """Rows and columns of the squares that lie in the picture as a whole."""
    left, top, width, height = box
    rows = range(-int(-top // BLOCK), int((top + height) // BLOCK))
    return rows, range(-int(-left // BLOCK), int((left + width) // BLOCK))


def _presence(labels: Sequence[Label], classes: int, box: tuple[float, float, float, float], side: int) -> Array:
    """(side, side, classes)."""
    left, top, width, height = box
    found = np.zeros((side, side, classes))
    edges = np.arange(side) * BLOCK
    for one in labels:
        if one.cls >= classes:
            raise RequestError(f"a label has class {one.cls} of {classes} (from 0); yolopatch data check tells where")
        w, h = one.w * width, one.h * height
        x, y = left + one.x * width - w / 2, top + one.y * height - h / 2
        across = (np.minimum(edges + BLOCK, x + w) - np.maximum(edges, x)).clip(0)
        down = (np.minimum(edges + BLOCK, y + h) - np.maximum(edges, y)).clip(0)
        share = np.outer(down, across) / max(min(w * h, BLOCK * BLOCK), 1e-9)
        found[..., one.cls] = np.maximum(found[..., one.cls], share.clip(0, 1))
    return found


def _some(random: Any, blocks: list[Array], most: int) -> Array:
    if not blocks:
        raise RequestError(f"no picture holds a whole square of {BLOCK} pixels; choose a larger --imgsz")
    found = np.concatenate(blocks)
    drawn: Array = found[np.sort(random.permutation(len(found))[:most])]
    return drawn


def _target(images: Array, blocks: Array) -> Array:
    count, size = images.shape[:2]
    side, inner = size // BLOCK, BLOCK // CELL
    tiles = images.reshape(count, side, BLOCK, side, BLOCK, 3).transpose(0, 1, 3, 2, 4, 5)
    chosen = tiles[blocks[:, 0], blocks[:, 1], blocks[:, 2]]
    found: Array = chosen.reshape(-1, inner, CELL, inner, CELL, 3).mean((2, 4)) / 255.0
    return found
