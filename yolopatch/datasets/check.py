"""Checks a data set against what the four YOLOs accept, and counts its objects by size.

Sources: `verify_image_label` of YOLOv5, YOLOv9 and Ultralytics, `cache_labels` of YOLOv7, which drops a picture for
duplicated rows where the others drop the rows.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from yolopatch.datasets.labels import parse_labels
from yolopatch.datasets.model import Dataset, Label, Picture
from yolopatch.datasets.pictures import Header, examine
from yolopatch.datasets.report import DatasetReport, SplitCount
from yolopatch.datasets.yaml_file import label_of, load_dataset, locate, read_yaml

_THREADS = 8
_OUTSIDE = 1e-3  # of a side: how far a box may leave the picture by rounding
_NO_LABELS = ("classes.txt",)  # what annotation programs leave among them
_IMAGES = f"{os.sep}images{os.sep}"


@dataclass
class _Findings:
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass
class _Counted:
    """What is noted once for a split, not once a file."""

    without_area: int = 0
    outside: int = 0


def check_dataset(yaml: Path, step: Callable[[int, int], None] = lambda done, total: None) -> DatasetReport:
    """Examine every picture and label file of the data set `yaml`.

    Args:
        yaml: the data YAML.
        step: called with the pictures done and the pictures in all.

    Raises:
        RequestError: the YAML cannot be used at all.
        EnvironmentFailed: Pillow is not installed.
    """
    dataset = load_dataset(yaml)
    found = _Findings()
    total = sum(map(len, dataset.splits.values()))
    counts: dict[str, SplitCount] = {}
    done = 0
    for split, pictures in dataset.splits.items():
        _check_paths(split, pictures, found)
        counts[split] = SplitCount.of(dataset.names)
        counted = _Counted()
        for picture, header in _headers(pictures):
            _check_picture(picture, header, dataset.names, counts[split], counted, found)
            done += 1
            step(done, total)
        _note_counted(split, counts[split], counted, found)
        _check_emptiness(split, pictures, counts[split], found)
    _check_overlap(dataset, found)
    _note_lost_pictures(yaml, dataset, found)
    found.notes += [f"{split}: not on the disk; training does without" for split in dataset.absent]
    return DatasetReport(
        yaml, dataset.names, counts, tuple(found.problems), tuple(_not_portable(yaml, dataset)), tuple(found.notes)
    )


def _headers(pictures: tuple[Picture, ...]) -> Iterator[tuple[Picture, Header | str]]:
    pool = ThreadPoolExecutor(_THREADS)
    try:
        yield from zip(pictures, pool.map(lambda picture: examine(picture.path), pictures), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)  # or Ctrl-C would wait for every picture of the split


def _check_picture(
    picture: Picture,
    header: Header | str,
    names: tuple[str, ...],
    count: SplitCount,
    counted: _Counted,
    found: _Findings,
) -> None:
    count.pictures += 1
    rows, faults = parse_labels(picture.label)
    found.problems += [f"{picture.label}:{fault.line}: {fault.what}" for fault in faults]
    count.backgrounds += not rows and not faults
    known = [(line, label) for line, label in rows if label.cls < len(names)]
    found.problems += [
        f"{picture.label}:{line}: class {label.cls}, and the YAML names {len(names)} (0 to {len(names) - 1})"
        for line, label in rows
        if label.cls >= len(names)
    ]
    if isinstance(header, str):
        found.problems.append(f"{picture.path}: {header}")
        return
    if header.odd:
        found.notes.append(f"{picture.path}: {header.odd}")
    for _, label in known:
        count.add(names[label.cls], label.w * header.width, label.h * header.height)
        counted.without_area += label.w == 0 or label.h == 0
        counted.outside += _is_outside(label)


def _is_outside(label: Label) -> bool:
    low = min(label.x - label.w / 2, label.y - label.h / 2)
    high = max(label.x + label.w / 2, label.y + label.h / 2)
    return low < -_OUTSIDE or high > 1 + _OUTSIDE


def _check_paths(split: str, pictures: tuple[Picture, ...], found: _Findings) -> None:
    paths = Counter(str(picture.path) for picture in pictures)
    found.problems += [f"{path}: listed {times} times in '{split}'" for path, times in paths.items() if times > 1]
    stems: dict[str, str] = {}
    shared = []
    for path in paths:
        stem = Path(path).stem
        other = stems.setdefault(str(int(stem)) if stem.isdecimal() else stem, path)
        if other != path:
            shared.append(f"{path}: has the name of {other}, and one id with it in the predictions; rename one")
    if split == "train":  # nobody predicts there
        found.notes += [f"train: {len(shared)} pictures have the name of another, as {shared[0]}"] if shared else []
    else:
        found.problems += shared
    labels = Counter(str(Path(path).with_suffix("")) for path in paths)
    found.problems += [
        f"{path}.*: {times} pictures share one label file" for path, times in labels.items() if times > 1
    ]
    twice = [path for path in paths if path.count(_IMAGES) > 1]
    if twice:
        found.problems.append(
            f"{twice[0]}: two folders called 'images' on its way; YOLOv7 takes the first for the labels, "
            f"the others the last ({len(twice)} pictures of {split}); rename one"
        )


def _note_counted(split: str, count: SplitCount, counted: _Counted, found: _Findings) -> None:
    for number, what in (
        (count.backgrounds, "pictures without an object (backgrounds)"),
        (counted.without_area, "objects without width or height, which nothing can learn"),
        (counted.outside, "objects that reach beyond their picture"),
    ):
        if number:
            found.notes.append(f"{split}: {number} {what}")


def _check_emptiness(split: str, pictures: tuple[Picture, ...], count: SplitCount, found: _Findings) -> None:
    if count.backgrounds < count.pictures:
        unused = sorted(name for name, number in count.by_class.items() if not number)
        if unused:
            found.notes.append(f"{split}: no object of {len(unused)} classes ({', '.join(unused[:5])})")
        return
    line = f"{split}: no labels at all; a picture's label file is looked for as {pictures[0].label}"
    (found.notes if split == "test" else found.problems).append(line)


def _check_overlap(dataset: Dataset, found: _Findings) -> None:
    train = {picture.path for picture in dataset.splits["train"]}
    for split in ("val", "test"):
        shared = sum(picture.path in train for picture in dataset.splits.get(split, ()))
        if shared:
            found.notes.append(f"{split}: {shared} of its pictures are in train too; results on them say little")


def _note_lost_pictures(yaml: Path, dataset: Dataset, found: _Findings) -> None:
    """Labels whose picture is gone, or has a suffix that the YOLOs pass over: none of them says a word."""
    data = read_yaml(yaml)
    used = {picture.label for pictures in dataset.splits.values() for picture in pictures}
    for split in dataset.splits:
        lost = sorted(
            label
            for place in locate(yaml, data, split)
            if place.is_dir()  # a list may leave out what it likes
            for label in _labels_below(place)
            if label not in used and label.name not in _NO_LABELS
        )
        if lost:
            found.notes.append(f"{split}: {len(lost)} label files have no picture that the YOLOs read, as {lost[0]}")


def _labels_below(pictures: Path) -> Iterator[Path]:
    labels = label_of(pictures / "any.png").parent
    return iter(()) if labels == pictures else labels.rglob("*.txt")  # among pictures a text may be anything


def _not_portable(yaml: Path, dataset: Dataset) -> Iterator[str]:
    data = read_yaml(yaml)
    if "nc" not in data:
        yield f"{yaml}: 'nc: {len(dataset.names)}' is missing, which YOLOv7 wants"
    if isinstance(data["names"], dict):
        yield f"{yaml}: 'names:' is a mapping, of which YOLOv7 shows the numbers; write a list"
    for split in dataset.splits:
        entries = data[split] if isinstance(data[split], list) else [data[split]]
        if not all(Path(entry).is_absolute() for entry in entries):
            yield f"{yaml}: '{split}:' is relative, and YOLOv7 does not know 'path:'; write the absolute path"
