"""The demo set: scanned handwritten digits of 6 to 20 pixels, scattered over photographs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yolopatch.datasets.extras import need
from yolopatch.datasets.model import SPLITS
from yolopatch.datasets.photographs import digits, licences, photographs, versions
from yolopatch.datasets.place import new_folder
from yolopatch.datasets.portable import portable_yaml
from yolopatch.errors import RequestError

SIDES = (64, 1280)  # pixels: the pictures that can be asked for
ALL_DIGITS = "0123456789"
SHOWN = "0147"  # told apart soon enough for a set that is trained on in minutes
_MOST_DIGITS = 12
_DIGIT_SIDES = (6, 20)  # pixels: the longer side of a digit
_GAP = 2  # pixels between two digits
_TRIES = 50  # places that are tried for one digit before the picture is full
_INK = 3  # of 16: a pixel of a scan that counts as ink when the scan is cut out
_VISIBLE = 0.25  # of full ink: what the box goes around
_CONTRAST = (110, 190)  # levels of 255 between ink and paper


@dataclass(frozen=True)
class Demo:
    """What was made: pictures and objects per split."""

    folder: Path
    yaml: Path
    pictures: dict[str, int]
    objects: dict[str, int]
    size: int
    names: tuple[str, ...]
    seed: int

    def to_json(self) -> dict[str, Any]:
        """The same, for `json.dumps`."""
        return {**asdict(self), "folder": str(self.folder), "yaml": str(self.yaml)}


@dataclass(frozen=True)
class _Material:
    photographs: list[Any]
    scans: list[tuple[int, Any]]


def make_demo(
    folder: Path,
    *,
    images: int = 1000,
    size: int = 128,
    shown: str = SHOWN,
    seed: int = 0,
    step: Callable[[int], None] = lambda done: None,
) -> Demo:
    """Make the demo set in `folder`: `images` pictures to train on, a quarter as many in each of val and test.

    The splits share neither digits nor photographs. The same arguments and packages give the same bytes.

    Args:
        folder: where the set appears, whole or not at all; missing or empty.
        images: pictures in the train split, 4 or more.
        size: side of the square pictures in pixels.
        shown: the digits to use, as "0147"; each is a class, in this order.
        seed: from 0 on; another seed scatters other digits over other windows.
        step: called with the number of pictures that are done.

    Raises:
        RequestError: `folder` is taken, or a number is out of range.
        EnvironmentFailed: scikit-learn, scikit-image or Pillow is missing, or nothing can be written.
    """
    _check(images, size, shown, seed)
    numbers = demo_numbers(images)
    done = 0
    objects = dict.fromkeys(SPLITS, 0)
    with new_folder(folder) as work:
        for place, split in enumerate(SPLITS):
            material = _Material(photographs(split), _classes(split, shown))
            for number in range(numbers[split]):
                random = np.random.default_rng([seed, place, number])  # no picture depends on those before it
                least = 1 if number == 0 and split != "train" else 0  # of four pictures, val and test have this one
                made = _picture(material, size, random, least)
                objects[split] += _write(work, f"{split}-{number:05d}", split, made)
                done += 1
                step(done)
        _write_notes(work, folder, shown, f"--images {images} --size {size} --digits {shown} --seed {seed}")
    return Demo(folder, folder / "data.yaml", numbers, objects, size, tuple(shown), seed)


def demo_numbers(images: int) -> dict[str, int]:
    """How many pictures each split gets when `images` are asked for."""
    return {"train": images, "val": images // 4, "test": images // 4}


def _check(images: int, size: int, shown: str, seed: int) -> None:
    if not 4 <= images <= 99_999:
        raise RequestError(f"--images {images}: choose from 4 to 99999")
    if not SIDES[0] <= size <= SIDES[1]:
        raise RequestError(f"--size {size}: choose from {SIDES[0]} to {SIDES[1]} pixels")
    if not shown or len(set(shown)) < len(shown) or not set(shown) <= set(ALL_DIGITS):
        raise RequestError(f"--digits '{shown}': write each digit that you want once, as --digits 0147")
    if seed < 0:
        raise RequestError(f"--seed {seed}: choose 0 or more")


def _classes(split: str, shown: str) -> list[tuple[int, Any]]:
    """The scans of the digits in `shown`, each with its class: its place there."""
    return [(shown.index(str(digit)), scan) for digit, scan in digits(split) if str(digit) in shown]


def _picture(
    material: _Material, size: int, random: Any, least: int
) -> tuple[Any, list[tuple[int, tuple[int, int, int, int]]]]:
    """One picture as an array of `size` x `size` x 3, and its digits with their boxes (left, top, right, bottom)."""
    paper = _window(material.photographs[random.integers(len(material.photographs))], size, random)
    boxes: list[tuple[int, tuple[int, int, int, int]]] = []
    for _ in range(max(least, random.integers(_MOST_DIGITS + 1))):
        cls, scan = material.scans[random.integers(len(material.scans))]
        ink = _ink(scan, _side(random))
        place = _free_place(ink.shape, [box for _, box in boxes], size, random)
        if place is None:
            break
        _blend(paper, ink, place, random)
        boxes.append((cls, (place[0], place[1], place[0] + ink.shape[1], place[1] + ink.shape[0])))
    return np.rint(paper).astype(np.uint8), boxes


def _side(random: Any) -> int:
    """The longer side of a digit: small ones are rarer, since one of 6 pixels can hardly be told from another."""
    low, high = _DIGIT_SIDES
    return int(low + (high + 1 - low) * random.random() ** 0.5)


def _window(photograph: Any, size: int, random: Any) -> Any:
    """A random square window of a photograph, flipped or not, scaled to `size`; float, 0 to 255."""
    short = min(photograph.size)
    side = int(random.integers(min(size, short), min(2 * size, short) + 1))
    left = int(random.integers(photograph.width - side + 1))
    top = int(random.integers(photograph.height - side + 1))
    resampling = need("PIL.Image", "Pillow").Resampling.LANCZOS
    window = photograph.resize((size, size), resampling, box=(left, top, left + side, top + side))
    pixels = np.asarray(window, dtype=np.float64)
    return np.array(pixels[:, ::-1] if random.integers(2) else pixels)


def _ink(scan: Any, side: int) -> Any:
    """The digit cut out of its scan and scaled so that its longer side is `side` pixels; 0 (paper) to 1 (ink)."""
    cut = _trim(scan / 16.0, _INK / 16.0)
    image_module = need("PIL.Image", "Pillow")
    scale = side / max(cut.shape)
    width, height = (max(2, round(length * scale)) for length in (cut.shape[1], cut.shape[0]))
    large = image_module.fromarray(np.rint(cut * 255).astype(np.uint8))
    scaled = large.resize((width, height), image_module.Resampling.BICUBIC)
    return _trim(np.asarray(scaled, dtype=np.float64) / 255, _VISIBLE)


def _trim(ink: Any, least: float) -> Any:
    rows, columns = (np.flatnonzero((ink >= least).any(axis=axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _free_place(
    shape: tuple[int, int], taken: list[tuple[int, int, int, int]], size: int, random: Any
) -> tuple[int, int] | None:
    """Left and top of a place for a digit of `shape` (height, width) that touches no other digit."""
    height, width = shape
    for _ in range(_TRIES):
        left, top = (int(random.integers(size - length + 1)) for length in (width, height))
        if not any(
            left < box[2] + _GAP
            and box[0] < left + width + _GAP
            and top < box[3] + _GAP
            and box[1] < top + height + _GAP
            for box in taken
        ):
            return left, top
    return None


def _blend(paper: Any, ink: Any, place: tuple[int, int], random: Any) -> None:
    """Write the digit on `paper`, in a colour of random contrast that is lighter or darker than what lies below."""
    height, width = ink.shape
    below = paper[place[1] : place[1] + height, place[0] : place[0] + width]
    mean = below.mean()
    contrast = random.uniform(*_CONTRAST)
    towards = 1 if mean + contrast <= 255 else -1
    if min(mean, 255 - mean) >= contrast and random.integers(2):
        towards = -towards
    tint = random.uniform(-25, 25, size=3)
    colour = np.clip(mean + towards * contrast + tint, 0, 255)
    alpha = (ink * random.uniform(0.85, 1.0))[..., None]
    below += alpha * (colour - below)


def _write(work: Path, name: str, split: str, made: tuple[Any, list[tuple[int, tuple[int, int, int, int]]]]) -> int:
    pixels, boxes = made
    side = len(pixels)
    image, label = work / "images" / split / f"{name}.png", work / "labels" / split / f"{name}.txt"
    for file in (image, label):
        file.parent.mkdir(parents=True, exist_ok=True)
    need("PIL.Image", "Pillow").fromarray(pixels).save(image, optimize=False, compress_level=6)
    rows = []
    for cls, (left, top, right, bottom) in boxes:
        centre_and_size = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        rows.append(f"{cls} " + " ".join(f"{value / side:.6f}" for value in centre_and_size))
    label.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8", newline="\n")
    return len(boxes)


def _write_notes(work: Path, folder: Path, shown: str, arguments: str) -> None:
    home = folder.absolute()
    made_with = ", ".join(f"{package} {version}" for package, version in versions().items())
    comment = f"yolopatch data demo {arguments}\nmade with {made_with}; whose material it is: LICENCES.md"
    text = portable_yaml(shown, {split: home / "images" / split for split in SPLITS}, comment)
    (work / "data.yaml").write_text(text, encoding="utf-8", newline="\n")
    (work / "LICENCES.md").write_text(licences(), encoding="utf-8", newline="\n")
