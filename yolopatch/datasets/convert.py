"""Turns COCO's instances JSON into YOLO labels, pictures and a data YAML."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from yolopatch.datasets.coco import (
    Instances,
    box_of,
    find_picture,
    is_known,
    is_left_out,
    load_instances,
    wrong_picture,
)
from yolopatch.datasets.pictures import picture_size
from yolopatch.datasets.place import new_folder, refuse_taken
from yolopatch.datasets.portable import portable_yaml
from yolopatch.errors import RequestError

_ROW = tuple[str, str, str, str]


@dataclass
class SplitConverted:
    """One split: what was written, and what was left out and why."""

    pictures: int = 0
    objects: int = 0
    crowds: int = 0
    clipped: int = 0
    without_area: int = 0
    duplicates: int = 0


@dataclass
class Converted:
    """What was made. `linked` pictures share their bytes with the originals, `copied` ones do not."""

    folder: Path
    yaml: Path
    names: tuple[str, ...]
    splits: dict[str, SplitConverted] = field(default_factory=dict)
    linked: int = 0
    copied: int = 0

    def to_json(self) -> dict[str, Any]:
        """The same, for `json.dumps`."""
        return {**asdict(self), "folder": str(self.folder), "yaml": str(self.yaml), "names": list(self.names)}


def convert(
    sources: Mapping[str, Path],
    pictures: tuple[Path, ...],
    folder: Path,
    *,
    copy: bool = False,
    step: Callable[[int, int], None] = lambda done, total: None,
) -> Converted:
    """Write the sets in `sources` (split to instances JSON) as one YOLO data set into `folder`.

    Category ids become 0, 1, 2 ... in their order. Boxes are cut at the picture's edge. Left out and counted are
    crowds and ignored boxes, boxes without area, and duplicates. Pictures are hard links where the file system has
    them, else copies. All pictures of a split stand in one folder, since predictions name them without folders.

    Args:
        sources: "train", "val" and "test" to their JSON; without "val" the YAML validates on the train split.
        pictures: folders in which `file_name` is looked for, in this order.
        folder: where the set appears, whole or not at all; missing or empty.
        copy: copy pictures also where a link would do.
        step: called with the pictures done and the pictures in all.

    Raises:
        RequestError: a JSON or a picture cannot be used, the categories of two JSONs differ, or `folder` is taken.
        EnvironmentFailed: Pillow is not installed, or nothing can be written.
    """
    refuse_taken(folder)
    loaded = {split: load_instances(path) for split, path in sources.items()}
    names = _common_names(loaded)
    found = {split: _find(instances, pictures) for split, instances in loaded.items()}
    made = Converted(folder, folder / "data.yaml", names)
    total = sum(len(instances.images) for instances in loaded.values())
    with new_folder(folder) as work:
        for split, instances in loaded.items():
            before = sum(item.pictures for item in made.splits.values())
            made.splits[split] = SplitConverted()
            for done in _write_split(work, split, instances, found[split], made, copy):
                step(before + done, total)
        places = {split: folder.absolute() / "images" / split for split in loaded}
        places.setdefault("val", places["train"])
        comment = "\n".join(f"{split}: {path.name}" for split, path in sources.items())
        text = portable_yaml(names, places, f"made by yolopatch data convert from\n{comment}")
        (work / "data.yaml").write_text(text, encoding="utf-8", newline="\n")
    return made


def _common_names(loaded: Mapping[str, Instances]) -> tuple[str, ...]:
    first, *others = loaded.values()
    for other in others:
        if other.categories != first.categories:
            raise RequestError(f"{other.path} has other categories than {first.path}; they cannot be one data set")
    return first.names


def _find(instances: Instances, folders: tuple[Path, ...]) -> dict[int, Path]:
    found: dict[int, Path] = {}
    wrong: list[str] = []
    for image in instances.images:
        place = find_picture(image["file_name"], folders)
        reason = wrong_picture(image, place)
        if reason or place is None or image["id"] in found:
            wrong.append(f"{image['file_name']}: {reason or 'two images have its id'}")
        else:
            found[image["id"]] = place
    if wrong:
        raise RequestError(
            f"{instances.path}: {len(wrong)} of {len(instances.images)} pictures cannot be used, "
            f"the first is {wrong[0]}; correct --images or the JSON"
        )
    return found


def _write_split(
    work: Path, split: str, instances: Instances, found: dict[int, Path], made: Converted, copy: bool
) -> Any:
    """Write pictures and labels of one split; yields after each picture how many are done."""
    images, labels = work / "images" / split, work / "labels" / split
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    count = made.splits[split]
    classes = {number: cls for cls, number in enumerate(sorted(instances.categories))}
    objects = _by_picture(instances, found)
    for number, name in _flat_names(instances).items():
        size = picture_size(found[number])
        rows = _rows(objects.get(number, []), classes, size, count)
        (labels / name).with_suffix(".txt").write_text("".join(rows), encoding="utf-8", newline="\n")
        linked = _put(found[number], images / name, copy)
        made.linked += linked
        made.copied += not linked
        count.pictures += 1
        yield count.pictures


def _by_picture(instances: Instances, found: dict[int, Path]) -> dict[int, list[dict[str, Any]]]:
    objects: dict[int, list[dict[str, Any]]] = {}
    for number, annotation in enumerate(instances.annotations):
        where = f"{instances.path}: annotation {annotation.get('id', f'number {number}')}"
        image, category = annotation.get("image_id"), annotation.get("category_id")
        if not (is_known(image, found) and is_known(category, instances.categories)):
            raise RequestError(f"{where} is of an image or category that the JSON does not have; correct it")
        if box_of(annotation) is None and not is_left_out(annotation):
            raise RequestError(f"{where} has no 'bbox' of four finite numbers; correct it")
        objects.setdefault(annotation["image_id"], []).append(annotation)
    return objects


def _flat_names(instances: Instances) -> dict[int, str]:
    """A file name of its own for each picture; its folders become part of it where names would collide."""
    paths = {image["id"]: PurePosixPath(image["file_name"].replace("\\", "/")) for image in instances.images}
    stems = Counter(path.stem.casefold() for path in paths.values())
    unique = max(stems.values()) == 1
    names = {number: path.name if unique else "_".join(path.parts).lstrip("/") for number, path in paths.items()}
    if len({Path(name).stem.casefold() for name in names.values()}) < len(names):
        raise RequestError(f"{instances.path}: two images have one file_name but for the suffix; rename one")
    return names


def _rows(
    objects: list[dict[str, Any]], classes: dict[int, int], size: tuple[int, int], count: SplitConverted
) -> list[str]:
    rows: list[str] = []
    for annotation in objects:
        if is_left_out(annotation):
            count.crowds += 1
            continue
        box = box_of(annotation)
        row = _row(box, size, count) if box else None
        if row is None:
            count.without_area += 1
            continue
        line = " ".join((str(classes[annotation["category_id"]]), *row)) + "\n"
        if line in rows:
            count.duplicates += 1
            continue
        rows.append(line)
        count.objects += 1
    return rows


def _row(box: tuple[float, float, float, float], size: tuple[int, int], count: SplitConverted) -> _ROW | None:
    """Centre and size in parts of the picture, cut at its edge; None where nothing is left."""
    left, top, width, height = box
    right, bottom = min(left + width, size[0]), min(top + height, size[1])
    cut_left, cut_top = max(left, 0.0), max(top, 0.0)
    x, y = (cut_left + right) / 2 / size[0], (cut_top + bottom) / 2 / size[1]
    w, h = (right - cut_left) / size[0], (bottom - cut_top) / size[1]
    if w < 1e-6 or h < 1e-6:
        return None
    # A whole pixel: less is how the pictures' own rounding shows
    count.clipped += max(cut_left - left, cut_top - top, left + width - right, top + height - bottom) > 1
    return f"{x:.6f}", f"{y:.6f}", f"{w:.6f}", f"{h:.6f}"


def _put(source: Path, place: Path, copy: bool) -> bool:
    """Link `source` at `place`, or copy it where that cannot be done or is not wanted; whether it is a link."""
    if not copy:
        try:
            os.link(source.resolve(), place)
            return True
        except OSError:
            pass  # another disk, or a file system without links
    shutil.copyfile(source, place)
    return False
