"""Data sets: read a data YAML, check it, make the demo set, turn COCO JSON into YOLO labels."""

from __future__ import annotations

from yolopatch.datasets.check import check_dataset
from yolopatch.datasets.labels import read_labels
from yolopatch.datasets.model import Dataset, Label, Picture
from yolopatch.datasets.pictures import picture_size
from yolopatch.datasets.portable import rewrite
from yolopatch.datasets.report import DatasetReport
from yolopatch.datasets.yaml_file import load_dataset

__all__ = [
    "Dataset",
    "DatasetReport",
    "Label",
    "Picture",
    "check_dataset",
    "load_dataset",
    "picture_size",
    "read_labels",
    "rewrite",
]
