"""`yolopatch train`, `val`, `predict` and `export` on real upstream code: one shape for all four."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys

import pytest

from tests.upstream import dataset
from yolopatch.catalog import Catalog
from yolopatch.runs.results import COLUMNS

pytestmark = pytest.mark.usefixtures("registry")
YOLOS = Catalog().supported
SMALL = ("--imgsz", "64", "--batch", "1", "--device", "cpu", "--workers", "0")
STEPS = 20
LARGEST_BIAS = """
import sys, torch
found = torch.load(sys.argv[1], map_location="cpu", weights_only=False)["model"]
revcol = next(module for module in found.modules() if type(module).__name__ == "RevCol")
print(max(float(value.abs().max()) for name, value in revcol.named_parameters() if name.endswith("bias")))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return dataset.make(tmp_path_factory.mktemp("data") / "d", train=STEPS, val=4)


def rows(folder, name):
    with (folder / "runs" / name / "results.csv").open() as file:
        return list(csv.DictReader(file))


def first_losses(folder, name):
    """What upstream's progress line said after each step of the first epoch: running means, and the objects so far."""
    lines = (folder / "runs" / name / "log.txt").read_text().replace("\r", "\n").splitlines()
    said = [found.groups() for line in lines if (found := re.match(r"\s*(\d+)/\d+\s+\S+G\s+([\d.\se-]+):", line))]
    return list(dict.fromkeys(losses for epoch, losses in said if epoch == said[0][0]))


def largest_bias(folder, name, environment):
    weights = folder / "runs" / name / "upstream/weights/last.pt"
    command = [sys.executable, "-c", LARGEST_BIAS, str(weights)]
    asked = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert asked.returncode == 0, asked.stderr
    return float(asked.stdout.split()[-1])  # ultralytics says other things first


@pytest.mark.parametrize("yolo", YOLOS)
def test_a_killed_run_goes_on_its_weights_are_of_use_and_its_seed_decides_on_the_losses(
    yolo, small, data, yolopatch, environment
):
    """The losses after the kill are not compared with those of an unbroken run.

    All four seed anew when they resume, their own models too, so that other pictures come in another order.
    """
    folder = small(yolo)
    command = [sys.executable, "-m", "yolopatch", "train", str(folder), "--data", str(data), "--epochs", "3", *SMALL]
    process = subprocess.Popen([*command, "--name", "k"], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if line.startswith("epoch 2/3"):  # the checkpoint of epoch 1 stands by now
            process.kill()
    assert process.wait() == -9, "".join(said)
    process.stderr.close()

    record = json.loads(yolopatch("train", folder, "--resume", "--json").stdout)
    assert (record["name"], record["status"], record["epochs_done"], record["resumed"]) == ("k", "finished", 3, 1)
    table = rows(folder, "k")
    assert tuple(table[0]) == COLUMNS
    assert [row["epoch"] for row in table] == ["1", "2", "3"]
    for row in table:
        assert all(float(row[name]) >= 0 for name in ("train/box_loss", "mAP50", "mAP50-95", "seconds"))
        assert int(row["peak_memory_bytes"]) > 50_000_000
    assert record["best"]["val"]["by_size"] is None or record["best"]["val"]["by_size"]["images"] == 4

    scores = json.loads(yolopatch("val", folder, "--data", data, "--run", "k", "--device", "cpu", "--json").stdout)
    assert scores["mAP50"] == record["best"]["val"]["mAP50"]
    drawn = json.loads(yolopatch("predict", folder, "--source", data.parent / "images/val", "--json").stdout)
    assert len(drawn["pictures"]) == 4
    assert yolopatch("export", folder, "--format", "onnx").stdout.strip().endswith(".onnx")
    assert json.loads(yolopatch("status", folder, "--json").stdout)["clean"] is True

    assert len(first_losses(folder, "k")) == STEPS
    seeds = {"same": 0, "other": 1} if yolo == "v7" else {"same": 0}  # v7 has its --seed from a patch of ours
    for name, seed in seeds.items():
        yolopatch("train", folder, "--data", data, "--epochs", "1", *SMALL, "--name", name, "--seed", seed)
        assert (first_losses(folder, name) == first_losses(folder, "k")) is (name == "same")

    # Under Adam upstream's bias warm-up would move them by 0.1 a step, and a resumed run that had lost Adam's second
    # moments by far more.
    assert 0 < largest_bias(folder, "same", environment) < 0.2
    assert 0 < largest_bias(folder, "k", environment) < 0.6


def test_weights_of_another_variant_are_refused_and_of_the_same_fit(apply, small, data, yolopatch):
    folder, _ = apply("--yolo", "v5", "--variant", "revcol-f", "--origin", "pypi", "--verify", "none")
    mine = small("v5")
    yolopatch("train", mine, "--data", data, "--epochs", "1", *SMALL, "--name", "w")
    weights = mine / "runs/w/upstream/weights/best.pt"
    refused = yolopatch("train", folder, "--data", data, "--weights", weights, *SMALL, "-q", code=2)
    assert refused.stderr.count("\n") == 1
    assert "does not fit models/yolov5-revcol-f.yaml" in refused.stderr
    on = yolopatch("train", mine, "--data", data, "--epochs", "1", "--weights", weights, *SMALL, "--name", "w2")
    assert "100% of the model's numbers" in on.stderr
