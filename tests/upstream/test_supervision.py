"""Intermediate supervision in upstream's own training: its terms by name, its schedule, and that it leaves nothing."""

from __future__ import annotations

import csv
import subprocess
import sys

import pytest

from tests.upstream import dataset

pytestmark = pytest.mark.usefixtures("registry")

# The checkpoint that each YOLO hands over as its final weights.
FINAL = {"v5": "best.pt", "v7": "best.pt", "v8": "best.pt", "v9": "best_striped.pt"}
LEFT = """
import sys, torch
sys.path.insert(0, ".")
model = torch.load(sys.argv[1], map_location="cpu", weights_only=False)["model"]
names = list(model.state_dict())
assert len(names) > 300, names
print([name for name in names if "supervision" in name])
"""


@pytest.mark.parametrize(
    ("yolo", "form"), [("v5", "detect"), ("v7", "idetect"), ("v7", "iauxdetect"), ("v8", "detect"), ("v9", "ddetect")]
)
def test_training_logs_each_term_follows_the_schedule_and_leaves_nothing(yolo, form, apply, yolopatch, tmp_path):
    data = dataset.make(tmp_path / "d", train=8, val=4)
    options = ("--variant", "revcol-a", "--origin", "pypi", "--verify", "none", "--set", "supervision={close: 1}")
    folder, _ = apply("--yolo", yolo, *options)
    yolopatch("verify", folder, "--level", "gradients", "--form", form)  # those of the terms' own parts too
    small = ("--epochs", "2", "--imgsz", "64", "--batch", "4", "--device", "cpu", "--workers", "0")
    yolopatch("train", folder, "--data", data, *small, "--form", form)
    run = folder / "runs" / "train"
    with (run / "results.csv").open() as file:
        first, second = csv.DictReader(file)
    assert float(first["train/rec_loss"]) > 0 < float(first["train/img_loss"])
    assert float(second["train/rec_loss"]) == 0 == float(second["train/img_loss"])
    lines = [line for line in (run / "log.txt").read_text().splitlines() if line.startswith("supervision: ")]
    assert [line.split()[2] for line in lines] == ["1/2", "2/2"]
    assert "(columns 1 2 3 4: rec " in lines[0]
    weights = run / "upstream" / "weights" / FINAL[yolo]
    left = subprocess.run([sys.executable, "-c", LEFT, str(weights)], cwd=folder, capture_output=True, text=True)
    # Above it v8 may say that it has written its settings anew: other versions of it share their file.
    assert left.stdout.splitlines()[-1:] == ["[]"], left.stdout + left.stderr
