"""Experimental YOLOs that the package registry has: what their `checked:` says of them."""

from __future__ import annotations

import csv
import json

import pytest

from tests.upstream import dataset
from tests.upstream.long import long
from tests.upstream.test_overfit import eight_pictures
from tests.upstream.test_round_trip import exported
from yolopatch.catalog import Catalog
from yolopatch.workspace.lock import read_lock

pytestmark = pytest.mark.usefixtures("registry")
CATALOG = Catalog()
YOLOS = [
    yolo
    for yolo in CATALOG.yolos
    if CATALOG.upstream(yolo).experimental and CATALOG.pin(CATALOG.upstream(yolo), None).origins.pypi
]
# As v8's: no augmentation but a little movement.
WORDS = (
    *("lr0=0.003", "nbs=8", "warmup_epochs=1", "warmup_bias_lr=0.1", "plots=False"),
    *("mosaic=0", "fliplr=0", "scale=0.1", "translate=0.1", "hsv_h=0", "hsv_s=0", "hsv_v=0", "erasing=0"),
)


@pytest.mark.parametrize("yolo", YOLOS)
def test_its_files_become_the_pins_and_its_patches_come_back(yolo, small, yolopatch, tmp_path):
    folder = small(yolo)
    lock = read_lock(folder)
    blobs = CATALOG.blobs_file(CATALOG.upstream(yolo), CATALOG.pin(CATALOG.upstream(yolo), None))
    assert blobs is not None
    assert lock.inputs.source.origin == "pypi"
    exported(yolopatch, folder, {"lock": lock.model_dump()}, tmp_path / "patches")


@long
@pytest.mark.parametrize("yolo", YOLOS)
def test_it_builds_trains_and_exports(yolo, small, verify, apply):
    facts = {level["name"]: level["facts"] for level in verify(str(small(yolo)), "--level", "export")["levels"]}
    assert facts["train"]["true_positives"] > 0
    assert facts["export"]["max_difference"] <= 1e-4
    apply("--yolo", yolo, "--variant", "revcol-a", "--head", "p2-p5", "--origin", "pypi", "--verify", "gradients")
    apply("--yolo", yolo, "--variant", "stock", "--origin", "pypi", "--verify", "gradients")


@long
@pytest.mark.parametrize("yolo", YOLOS)
def test_it_learns_eight_pictures_and_its_other_programs_use_the_weights(yolo, small, yolopatch, tmp_path):
    folder = small(yolo)
    data = eight_pictures(tmp_path / "d")
    cpu = ("--imgsz", "96", "--device", "cpu")
    trained = ("train", folder, "--data", data, "--epochs", "12", "--batch", "8", "--workers", "0", *cpu, "--json")
    best = json.loads(yolopatch(*trained, "--name", "eight", "--", *WORDS).stdout)["best"]
    assert best["mAP50"] >= 0.9
    scores = json.loads(yolopatch("val", folder, "--data", data, "--run", "eight", *cpu, "--json").stdout)
    assert scores["mAP50"] == best["val"]["mAP50"]
    drawn = yolopatch("predict", folder, "--source", data.parent / "images/val", "--device", "cpu", "--json").stdout
    assert len(json.loads(drawn)["pictures"]) == 8
    assert yolopatch("export", folder, "--format", "onnx").stdout.strip().endswith(".onnx")
    weights = folder / "runs/eight/upstream/weights/best.pt"
    report = json.loads(yolopatch("deploy", folder, "--weights", weights, "--json").stdout)
    assert report["max_difference"] <= report["tolerance"]


@pytest.mark.parametrize("yolo", YOLOS)
def test_intermediate_supervision_is_logged_and_follows_its_schedule(yolo, apply, yolopatch, tmp_path):
    data = dataset.make(tmp_path / "d", train=8, val=4)
    options = ("--variant", "revcol-a", "--origin", "pypi", "--verify", "none", "--set", "supervision={close: 1}")
    folder, _ = apply("--yolo", yolo, *options)
    small = ("--epochs", "2", "--imgsz", "64", "--batch", "4", "--device", "cpu", "--workers", "0")
    yolopatch("train", folder, "--data", data, *small)
    with (folder / "runs/train/results.csv").open() as file:
        first, second = csv.DictReader(file)
    assert float(first["train/rec_loss"]) > 0 < float(first["train/img_loss"])
    assert float(second["train/rec_loss"]) == 0 == float(second["train/img_loss"])
