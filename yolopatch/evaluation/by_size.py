"""Average precision by object size, through faster-coco-eval, from YOLO labels and upstream's predictions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from yolopatch.datasets import Picture, load_dataset, picture_size, read_labels
from yolopatch.datasets.extras import need
from yolopatch.errors import RequestError
from yolopatch.evaluation.predictions import image_key, read_predictions
from yolopatch.evaluation.report import SizeReport

SMALL, MEDIUM = 32**2, 96**2  # pixels; COCO's limits


def evaluate(predictions: Path, data: Path, split: str = "val", *, first_category: int = 0) -> SizeReport:
    """Average precision and recall of `predictions` on a split of the data set `data`, by COCO's rules.

    The ground truth comes from the label files, in pixels of the pictures on the disk (turned as EXIF says, as
    OpenCV does). At most 100 predictions a picture count.

    Args:
        predictions: the JSON list that upstream's validation writes: {image_id, category_id,
            bbox [x, y, width, height] in pixels, score}; image_id is the file's stem, or the number that it spells.
        data: the data YAML.
        split: "train", "val" or "test".
        first_category: the category id of class 0 (newer Ultralytics releases count from 1).

    Raises:
        RequestError: a file cannot be used, or a prediction is of a picture or class that is not in the set.
        EnvironmentFailed: faster-coco-eval or Pillow is not installed.
    """
    library = need("faster_coco_eval", "faster-coco-eval")
    dataset = load_dataset(data)
    if split not in dataset.splits:
        raise RequestError(f"{data}: there is no split '{split}'; choose from {', '.join(dataset.splits)}")
    pictures = dataset.splits[split]
    numbers = _numbers(pictures)
    found = read_predictions(predictions, numbers, len(dataset.names), first_category)
    truth = _truth(pictures, dataset.names)
    return _report(library, truth, found)


def _numbers(pictures: tuple[Picture, ...]) -> dict[int | str, int]:
    numbers: dict[int | str, int] = {}
    for number, picture in enumerate(pictures, 1):
        key = image_key(picture.path.stem)
        if key in numbers:
            other = pictures[numbers[key] - 1].path
            raise RequestError(f"{picture.path} and {other} have one id in the predictions ({key}); rename one of them")
        numbers[key] = number
    return numbers


def _truth(pictures: tuple[Picture, ...], names: tuple[str, ...]) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for number, picture in enumerate(pictures, 1):
        width, height = picture_size(picture.path)
        images.append({"id": number, "width": width, "height": height, "file_name": picture.path.name})
        for label in read_labels(picture.label):
            if label.cls >= len(names):
                raise RequestError(f"{picture.label}: class {label.cls}, and the YAML names {len(names)}; correct it")
            w, h = label.w * width, label.h * height
            box = [label.x * width - w / 2, label.y * height - h / 2, w, h]
            objects.append(
                {
                    "id": len(objects) + 1,
                    "image_id": number,
                    "category_id": label.cls,
                    "bbox": box,
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(names)]
    return {"info": {}, "images": images, "annotations": objects, "categories": categories}


def _report(library: Any, truth: dict[str, Any], found: list[dict[str, Any]]) -> SizeReport:
    areas = [item["area"] for item in truth["annotations"]]
    small = sum(area < SMALL for area in areas)
    large = sum(area >= MEDIUM for area in areas)
    stats = _stats(library, truth, found)
    return SizeReport(
        AP=stats[0],
        AP50=stats[1],
        AP75=stats[2],
        AP_small=stats[3],
        AP_medium=stats[4],
        AP_large=stats[5],
        AR1=stats[6],
        AR10=stats[7],
        AR100=stats[8],
        AR_small=stats[9],
        AR_medium=stats[10],
        AR_large=stats[11],
        images=len(truth["images"]),
        objects=len(areas),
        small=small,
        medium=len(areas) - small - large,
        large=large,
        predictions=len(found),
    )


def _stats(library: Any, truth: dict[str, Any], found: list[dict[str, Any]]) -> list[float | None]:
    """COCO's twelve numbers in COCO's order."""
    if not truth["annotations"] or not found:  # the library's older releases take no empty lists
        return _without_work([item["area"] for item in truth["annotations"]])
    known = library.COCO(truth, print_function=_silent)
    engine = library.COCOeval_faster(known, known.loadRes(found), iouType="bbox", print_function=_silent)
    engine.evaluate()
    engine.accumulate()
    engine.summarize()
    return [None if value < 0 or math.isnan(value) else float(value) for value in engine.stats[:12]]


def _without_work(areas: list[float]) -> list[float | None]:
    """The twelve numbers where nothing was predicted or nothing is there: 0 for each size that has objects."""
    overall = 0.0 if areas else None
    small = 0.0 if any(area <= SMALL for area in areas) else None  # COCO's ranges hold both of their ends
    medium = 0.0 if any(SMALL <= area <= MEDIUM for area in areas) else None
    large = 0.0 if any(area >= MEDIUM for area in areas) else None
    return [overall] * 3 + [small, medium, large] + [overall] * 3 + [small, medium, large]


def _silent(*_: object) -> None:
    """The library reports its progress in lines that nobody asked for."""
