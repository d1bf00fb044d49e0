"""A validation that knows no splits is given the asked one as its `val`."""

from __future__ import annotations

import yaml

from yolopatch.datasets import load_dataset
from yolopatch.datasets.demo import make_demo
from yolopatch.runs.data import as_val, write_data


def test_the_asked_split_stands_as_val_and_the_original_stays(tmp_path):
    made = make_demo(tmp_path / "d", images=4, size=64)
    data = write_data(load_dataset(made.yaml), tmp_path / "run")
    before = data.read_bytes()
    asked = as_val(data, "test")
    written = yaml.safe_load(asked.read_text())
    assert written["val"] == written["test"] == str(tmp_path / "run" / "test.txt")
    assert written["train"] == str(tmp_path / "run" / "train.txt")
    assert data.read_bytes() == before
    assert asked != data
