"""Reads the predictions that upstream's validation wrote, and says which picture and class each is of."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolopatch.errors import RequestError

# How the YOLOs number COCO's 80 classes when they validate on COCO itself (`coco80_to_coco91_class`).
_GAPS = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
_COCO_80 = {number: place for place, number in enumerate(n for n in range(1, 91) if n not in _GAPS)}


def image_key(stem: str) -> int | str:
    """A picture's id in the predictions: its name without suffix, as a number where it is one."""
    return int(stem) if stem.isdecimal() else stem


def read_predictions(path: Path, pictures: Mapping[int | str, int], classes: int, first: int) -> list[dict[str, Any]]:
    """The predictions in `path` with `image_id` from `pictures` and `category_id` from 0 to `classes` - 1.

    Args:
        path: a list of {image_id, category_id, bbox [x, y, width, height] in pixels, score}.
        pictures: our number of each picture, by `image_key`.
        classes: how many classes the data set has. Where it has 80 and the predictions use COCO's own
            numbers (1 to 90 with gaps), these are understood.
        first: the category id of class 0.

    Raises:
        RequestError: the file is no such list, or a prediction is of a picture or class that is not in the set.
    """
    rows = _load(path)
    coco = classes == len(_COCO_80) and _uses_coco_numbers(rows, classes, first)
    found = []
    for number, row in enumerate(rows):
        where = f"{path}: prediction {number}"
        try:
            image, category, score = row["image_id"], row["category_id"], float(row["score"])
            box = [float(value) for value in row["bbox"]]
        except (TypeError, KeyError, ValueError, OverflowError) as error:
            raise RequestError(f"{where} lacks image_id, category_id, bbox or score; name upstream's JSON") from error
        if len(box) != 4 or not all(map(math.isfinite, (*box, score))):
            raise RequestError(f"{where} has a box or score that is not finite; the model has diverged")
        key = image_key(image) if isinstance(image, str) else image
        if type(key) not in (int, str) or key not in pictures:
            raise RequestError(f"{where} is of the picture '{image}', which is not in the split; name the right split")
        cls = _COCO_80.get(category) if coco else _class(category, first)
        if cls is None or not 0 <= cls < classes:
            raise RequestError(f"{where} is of category {category}, and the data set has {classes} classes")
        found.append({"image_id": pictures[key], "category_id": cls, "bbox": box, "score": score})
    return found


def _load(path: Path) -> list[Any]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror or error}); name upstream's JSON") from error
    except ValueError as error:
        raise RequestError(f"{path}: not valid JSON; run the validation again, it may have been cut off") from error
    if not isinstance(rows, list):
        raise RequestError(f"{path}: holds no list of predictions; name the JSON that upstream's validation wrote")
    return rows


def _class(category: Any, first: int) -> int | None:
    return category - first if type(category) is int else None


def _uses_coco_numbers(rows: list[Any], classes: int, first: int) -> bool:
    used = {row.get("category_id") for row in rows if isinstance(row, dict)}
    return not used <= set(range(first, first + classes)) and used <= set(_COCO_80)
