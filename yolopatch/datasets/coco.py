"""Reads COCO's instances JSON."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Container, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from yolopatch.datasets.model import PICTURE_SUFFIXES
from yolopatch.datasets.pictures import Header, examine
from yolopatch.datasets.report import DatasetReport, SplitCount
from yolopatch.errors import RequestError


@dataclass(frozen=True)
class Instances:
    """An instances JSON: images and annotations as they stand, names of the categories by id."""

    path: Path
    images: tuple[dict[str, Any], ...]
    annotations: tuple[dict[str, Any], ...]
    categories: dict[int, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes: the categories in the order of their ids."""
        return tuple(self.categories[number] for number in sorted(self.categories))


def load_instances(path: Path) -> Instances:
    """The instances JSON `path`; annotations are not looked at.

    Raises:
        RequestError: it is no such JSON.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror or error}); name an instances JSON") from error
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{path}: not valid JSON; name COCO's instances JSON") from error
    parts = [data.get(key) if isinstance(data, dict) else None for key in ("images", "annotations", "categories")]
    if not all(isinstance(part, list) and all(isinstance(item, dict) for item in part) for part in parts):
        raise RequestError(f"{path}: lacks 'images', 'annotations' or 'categories'; name COCO's instances JSON")
    images, annotations, categories = (tuple(part or ()) for part in parts)
    try:
        named = {int(item["id"]): str(item["name"]) for item in categories}
        described = all(type(item["id"]) is int and isinstance(item["file_name"], str) for item in images)
    except (KeyError, TypeError, ValueError, OverflowError):
        described = False
    if not described or not named or not images or len(named) != len(categories):
        raise RequestError(f"{path}: an image lacks id or file_name, or the categories lack ids, names, or are double")
    unmeasured = next((image for image in images if not _is_measured(image)), None)
    if unmeasured is not None:
        raise RequestError(f"{path}: image {unmeasured['id']}: width and height must be numbers; correct the JSON")
    return Instances(path, images, annotations, named)


def _is_measured(image: dict[str, Any]) -> bool:
    """Whether an image's sides, if it says any, are numbers."""
    sides = (image.get("width"), image.get("height"))
    return all(side is None or (isinstance(side, (int, float)) and 0 <= side < math.inf) for side in sides)


def is_known(number: Any, ids: Container[Any]) -> TypeGuard[int]:
    """Whether `number`, which may be anything that JSON holds, is one of `ids`."""
    return isinstance(number, Hashable) and number in ids


def box_of(annotation: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """Left, top, width and height in pixels; None where the annotation has no finite box."""
    try:
        left, top, width, height = map(float, annotation["bbox"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    return (left, top, width, height) if all(map(math.isfinite, (left, top, width, height))) else None


def is_left_out(annotation: dict[str, Any]) -> bool:
    """Whether it stands for a crowd or is marked to be ignored (TinyPerson does): no object to learn."""
    return bool(annotation.get("iscrowd") or annotation.get("ignore"))


def find_picture(name: str, folders: tuple[Path, ...]) -> Path | None:
    """The picture `name` below the first of `folders` that has it."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def check_instances(
    path: Path, folders: tuple[Path, ...] = (), step: Callable[[int, int], None] = lambda done, total: None
) -> DatasetReport:
    """Examine an instances JSON, and the pictures where `folders` says in which folders they are.

    Raises:
        RequestError: it is no instances JSON.
        EnvironmentFailed: Pillow is not installed (only with `folders`).
    """
    instances = load_instances(path)
    problems: list[str] = []
    for key in ("id", "file_name"):
        times = Counter(image[key] for image in instances.images)
        problems += [f"{path}: {key} '{value}' stands {n} times in 'images'" for value, n in times.items() if n > 1]
    for done, image in enumerate(instances.images if folders else (), 1):
        reason = wrong_picture(image, find_picture(image["file_name"], folders))
        problems += [f"{image['file_name']}: {reason}"] if reason else []
        step(done, len(instances.images))
    count, left_out = _check_annotations(instances, problems)
    notes = [f"instances: {left_out} crowd or ignored annotations, which convert leaves out"] if left_out else []
    if count.backgrounds:
        notes.append(f"instances: {count.backgrounds} pictures without an object (backgrounds)")
    if not count.objects:
        problems.append("instances: no objects at all")
    return DatasetReport(path, instances.names, {"instances": count}, tuple(problems), (), tuple(notes))


def wrong_picture(image: dict[str, Any], place: Path | None) -> str | None:
    """Why the picture of an entry of `images` cannot be used; None where it can."""
    header: Header | str = examine(place) if place else "the file is missing from the folders of --images"
    if isinstance(header, str):
        return header
    suffix = Path(image["file_name"]).suffix
    if suffix.lower() not in PICTURE_SUFFIXES:
        return f"the YOLOs pass over pictures whose name ends in '{suffix}'; rename it, as .jpg or .png"
    width, height = image.get("width"), image.get("height")
    stated = (header.width if width is None else width, header.height if height is None else height)
    if stated != (header.width, header.height):
        return f"the JSON says {stated[0]}x{stated[1]}, the picture is {header.width}x{header.height}"
    return None


def _check_annotations(instances: Instances, problems: list[str]) -> tuple[SplitCount, int]:
    count = SplitCount.of(instances.names)
    count.pictures = len(instances.images)
    sizes = {image["id"]: (image.get("width"), image.get("height")) for image in instances.images}
    used: set[int] = set()
    seen: set[tuple[Any, ...]] = set()
    left_out = 0
    for number, annotation in enumerate(instances.annotations):
        if is_left_out(annotation):
            left_out += 1
            continue
        reason = _wrong_annotation(annotation, instances.categories, sizes, seen)
        if reason:
            problems.append(f"{instances.path}: annotation {annotation.get('id', f'number {number}')}: {reason}")
            continue
        used.add(annotation["image_id"])
        _, _, width, height = box_of(annotation) or (0, 0, 0, 0)
        count.add(instances.categories[annotation["category_id"]], width, height)
    count.backgrounds = len(sizes) - len(used)
    return count, left_out


def _wrong_annotation(
    annotation: dict[str, Any],
    categories: dict[int, str],
    sizes: dict[int, tuple[Any, Any]],
    seen: set[tuple[Any, ...]],
) -> str | None:
    image, category, box = annotation.get("image_id"), annotation.get("category_id"), box_of(annotation)
    if not is_known(image, sizes):
        return f"no image has the id {image}"
    if not is_known(category, categories):
        return f"no category has the id {category}"
    if box is None:
        return "no 'bbox' of four finite numbers"
    left, top, width, height = box
    if width <= 0 or height <= 0:
        return f"a box of {width:g}x{height:g} pixels"
    across, down = sizes[image]
    if across and down and (left >= across or top >= down or left + width <= 0 or top + height <= 0):
        return "a box that lies outside its picture"
    if (image, category, box) in seen:
        return "the same object as another annotation"
    seen.add((image, category, box))
    return None
