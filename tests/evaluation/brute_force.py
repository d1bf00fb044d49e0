"""Average precision by COCO's rules, written from their description alone: slow, short, and nothing shared with
the library. Lin et al., "Microsoft COCO", and the comments of cocoeval.py: greedy matching by falling score, objects
out of the size range ignored, predictions that match none and are out of range ignored, precision at 101 recalls."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
RANGES = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}


def iou(a, b):
    """Of two boxes (left, top, width, height)."""
    w = min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0])
    h = min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1])
    shared = max(w, 0) * max(h, 0)
    return shared / (a[2] * a[3] + b[2] * b[3] - shared)


def average_precision(truth, found, size="all", thresholds=THRESHOLDS):
    """Mean over classes and thresholds; None without an object of that size.

    `truth` is a list of (picture, class, box), `found` of (picture, class, box, score).
    """
    values = []
    for cls in sorted({item[1] for item in truth}):
        for threshold in thresholds:
            value = _one_class(
                [item for item in truth if item[1] == cls], [item for item in found if item[1] == cls], size, threshold
            )
            if value is not None:
                values.append(value)
    return float(np.mean(values)) if values else None


def _one_class(truth, found, size, threshold):
    low, high = RANGES[size]
    objects = defaultdict(list)
    for picture, _, box in truth:
        objects[picture].append((box, not low <= box[2] * box[3] <= high))
    wanted = sum(not ignored for items in objects.values() for _, ignored in items)
    if not wanted:
        return None
    outcomes = []
    for picture in {item[0] for item in found}:
        taken = set()
        mine = sorted((item for item in found if item[0] == picture), key=lambda item: -item[3])[:100]
        for _, _, box, score in mine:
            best = None
            for ignored_ones in (False, True):  # an object out of range only where none in range matches
                for number, (other, ignored) in enumerate(objects[picture]):
                    if ignored != ignored_ones or number in taken or iou(box, other) < threshold:
                        continue
                    if best is None or iou(box, other) >= iou(box, objects[picture][best][0]):
                        best = number
                if best is not None:
                    break
            if best is not None:
                taken.add(best)
                if not objects[picture][best][1]:
                    outcomes.append((score, True))
            elif low <= box[2] * box[3] <= high:
                outcomes.append((score, False))
    hits = np.array([hit for _, hit in sorted(outcomes, key=lambda item: -item[0])], dtype=float)
    if not len(hits):
        return 0.0
    recall = np.cumsum(hits) / wanted
    precision = np.maximum.accumulate((np.cumsum(hits) / np.arange(1, len(hits) + 1))[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS)
    return float(np.mean([precision[place] if place < len(precision) else 0.0 for place in places]))
