"""The p2-p5 head under upstream's own training scripts: strides, and anchors that autoanchor replaces."""

from __future__ import annotations

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from yolopatch.catalog import STRIDES, Catalog
from yolopatch.verify import process
from yolopatch.workspace.lock import read_lock

CATALOG = Catalog()
SIZE = 64
LOOK = """
import json, sys
sys.path[0] = "."
import torch
content = torch.load(sys.argv[1], map_location="cpu", weights_only=False)
model = (content.get("ema") or content["model"]).float().eval()
head = model.model[-1]
pixels = head.anchors * head.stride.view(-1, 1, 1)
with torch.no_grad():
    rows = model(torch.rand(1, 3, 64, 64))[0].shape[1]
print(json.dumps({
    "strides": head.stride.tolist(),
    "anchors": pixels.tolist(),
    "decoded": max((grid[0, :, 0, 0] - level).abs().max().item() for grid, level in zip(head.anchor_grid, pixels)),
    "rows": rows,
}))
"""
pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture(scope="module")
def thin(tmp_path_factory):
    """Objects about one pixel thin and ten long, which no anchor of ours fits by the factor that training needs."""
    root = tmp_path_factory.mktemp("thin")
    rng = np.random.default_rng(1)
    for split, count in (("train", 8), ("val", 4)):
        for kind in ("images", "labels"):
            (root / kind / split).mkdir(parents=True)
        for number in range(count):
            image = rng.integers(0, 60, (SIZE, SIZE, 3), dtype=np.uint8)
            rows = []
            for _ in range(8):
                width, height = rng.permutation((rng.uniform(6, 16), rng.uniform(0.8, 1.4)))
                x, y = rng.uniform(2, SIZE - 18, 2)
                cv2.rectangle(image, (int(x), int(y)), (int(x + width), int(y + height)), (40, 250, 250), -1)
                box = np.array([x + width / 2, y + height / 2, width, height]) / SIZE
                rows.append(f"{rng.integers(3)} " + " ".join(f"{value:.6f}" for value in box))
            cv2.imwrite(str(root / "images" / split / f"{number}.png"), image)
            (root / "labels" / split / f"{number}.txt").write_text("\n".join(rows) + "\n")
    data = root / "data.yaml"
    data.write_text(f"path: {root}\ntrain: {root}/images/train\nval: {root}/images/val\nnc: 3\nnames: [a, b, c]\n")
    return data


@pytest.mark.parametrize("yolo", ["v5", "v7"])
def test_autoanchor_gives_every_level_of_p2_new_anchors_that_fit(yolo, thin, apply, tmp_path):
    folder, _ = apply(
        *("--yolo", yolo, "--variant", "revcol-a", "--head", "p2-p5", "--nc", "3", "--origin", "pypi"),
        *("--verify", "none"),
    )
    form = CATALOG.upstream(yolo).default_form
    values = {
        "config": read_lock(folder).configs[form.name],
        "data": thin,
        "name": "thin",
        "imgsz": SIZE,
        "batch": 8,
        "epochs": 1,
        "device": "cpu",
    }
    text = form.commands.train.format(**values).replace("--workers 8", "--workers 0").replace("''", "")
    env = process.environment(tmp_path)
    del env["TMPDIR"]  # the loader's processes make sockets there, whose names may have 108 letters at most
    command = [sys.executable, "-B", *text.split()[1:]]
    command.insert(command.index("--weights") + 1, "")
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    output = done.stdout + done.stderr
    assert done.returncode == 0, output[-3000:]
    assert "Running kmeans for 12 anchors" in output
    weights = folder / CATALOG.upstream(yolo).weights.format(name="thin")
    script = tmp_path / "look.py"
    script.write_text(LOOK)
    looked = subprocess.run(
        [sys.executable, "-B", str(script), str(weights)], cwd=folder, env=env, capture_output=True, text=True
    )
    assert looked.returncode == 0, looked.stderr
    found = json.loads(looked.stdout.splitlines()[-1])
    assert found["strides"] == list(STRIDES["p2-p5"])
    assert found["rows"] == 3 * sum((SIZE // stride) ** 2 for stride in STRIDES["p2-p5"])
    anchors = np.array(found["anchors"])
    assert anchors.shape == (4, 3, 2)
    areas = anchors.prod(-1)
    assert anchors.min(-1).max() < 3  # all are thin
    assert (np.diff(areas.mean(1)) > 0).all()  # the finest level has the smallest
    assert found["decoded"] < 0.05  # detection decodes with what the loss was trained on
