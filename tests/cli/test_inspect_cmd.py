"""`yolopatch inspect` on a miniature upstream with real RevCol rows, a real plain backbone and real pictures."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from tests.cli.test_train_cmd import INTERFACE

REVCOL, STOCK = "yolotiny-revcol-x", "yolotiny-stock"
APPLY = ("apply", "--yolo", "tiny", "--verify", "none", "--nc", "3", "--variant")

YOLO_PY = """\
import yaml
from torch import nn
from models.revcol import PickLevel, RevCol


class Detect(nn.Module):
    def __init__(self, nc, c1):
        super().__init__()
        self.conv = nn.Conv2d(c1, 5 + nc, 1)

    def forward(self, xs):
        return [self.conv(x) for x in xs]


class Conv(nn.Sequential):
    def __init__(self, c1, c2, stride):
        super().__init__(nn.Conv2d(c1, c2, 3, stride, 1), nn.BatchNorm2d(c2), nn.SiLU())


class Model(nn.Module):
    def __init__(self, cfg, nc):
        super().__init__()
        self.yaml = yaml.safe_load(open(cfg))
        self.nc, rows, widths = nc, [], []
        for source, _, kind, args in [*self.yaml["backbone"], *self.yaml["head"]]:
            if kind == "RevCol":
                row, width = RevCol(*args), list(args[0])
            elif kind == "PickLevel":
                row, width = PickLevel(*args), widths[source][args[0]]
            elif kind == "Conv":
                row, width = Conv(widths[-1] if widths else 3, *args), args[0]
            else:
                row, width = Detect(nc, widths[source[0]]), None
            row.f = source
            rows.append(row)
            widths.append(width)
        self.model = nn.Sequential(*rows)

    def forward(self, x):
        seen = []
        for row in self.model:
            if isinstance(row.f, list):
                x = [seen[f] for f in row.f]
            elif row.f != -1:
                x = seen[row.f]
            x = row(x)
            seen.append(x)
        return x
"""
PLAIN = {
    "nc": 3,
    "backbone": [[-1, 1, "Conv", [8, 2]], [-1, 1, "Conv", [8, 2]], [-1, 1, "Conv", [16, 2]], [-1, 1, "Conv", [32, 4]]],
    "head": [[[2], 1, "Detect", ["nc"]]],
}
PROBE = """\
model: {class: ["models.yolo:Model"]}
loss: [{method: loss, arguments: [batch]}]
decoded: {path: [], layout: rows, per_cell: 1, values: 5}
metrics: {nms: ["models.yolo:none"], box_iou: ["models.yolo:none"], ap_per_class: ["models.yolo:none"], ap_result: 0}
export: [{script: export.py}]
forms: {detect: {}}
"""


@pytest.fixture
def trees(run, work, tiny):
    """A workspace with RevCol and a stock one."""
    tiny.upstream_yaml.write_text(tiny.upstream_yaml.read_text() + INTERFACE)
    (tiny.data / "patches/tiny/probe.yaml").write_text(PROBE)
    for variant, name in (("revcol-x", REVCOL), ("stock", STOCK)):
        assert run(*APPLY, variant).returncode == 0
        (work / name / "models/yolo.py").write_text(YOLO_PY)
    (work / STOCK / "models/revcol").mkdir(exist_ok=True)
    for file in (work / REVCOL / "models/revcol").glob("*.py"):  # the small parser imports it in any case
        (work / STOCK / "models/revcol" / file.name).write_bytes(file.read_bytes())
    config = json.loads((work / STOCK / "yolopatch.lock").read_text())["configs"]["detect"]
    (work / STOCK / config).write_text(yaml.safe_dump(PLAIN))
    return work


@pytest.fixture
def data(work):
    random = np.random.default_rng(0)
    for split in ("train", "val"):
        for folder in ("images", "labels"):
            (work / "d" / folder / split).mkdir(parents=True)
        for number in range(20):
            small = random.integers(0, 255, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(small).resize((64, 64)).save(work / f"d/images/{split}/{number}.png")
            x, y = random.uniform(0.2, 0.8, 2)
            (work / f"d/labels/{split}/{number}.txt").write_text(f"{number % 3} {x} {y} 0.2 0.2\n")
    file = work / "d" / "data.yaml"
    places = {split: str(work / "d/images" / split) for split in ("train", "val")}
    file.write_text(yaml.safe_dump({**places, "nc": 3, "names": ["a", "b", "c"]}))
    return file


MEASURED = ("--imgsz", "64", "--data", "d/data.yaml")


def test_two_backbones_are_measured_side_by_side(run, trees, data):
    before = {file: file.read_bytes() for file in trees.rglob("*") if file.is_file()}
    done = run("inspect", REVCOL, "--against", STOCK, *MEASURED, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    stock, revcol = report["models"]
    assert (stock["name"], revcol["name"]) == ("YOLOtiny stock", "YOLOtiny revcol-x")
    assert [one["stride"] for one in stock["features"]] == [2, 4, 8, 32]
    assert [one["name"] for one in revcol["features"][:3]] == ["stem", "c1 l0", "c1 l1"]
    assert len(revcol["features"]) == 1 + 4 * 4
    assert [one["channels"] for one in revcol["features"][-4:]] == [8, 16, 32, 64]
    assert (stock["neck"]["features"], revcol["neck"]["features"]) == (["2 Conv"], ["c4 l1"])
    assert [one["column"] for one in revcol["columns"]] == [1, 2, 3, 4]
    for one in [*stock["features"], *revcol["features"]]:
        assert one["score"]["rebuilt"]["r2"] <= 1
        assert -1 <= one["score"]["cka_input"] <= 1
    assert stock["features"][0]["score"]["rebuilt"]["r2"] > 0.8 > stock["features"][3]["score"]["rebuilt"]["r2"]
    assert report["settings"]["images"] == 20
    assert done.stderr.count("the weights are random") == 2
    names = {file.name for file in (trees / "runs/inspect").iterdir()}
    for kind in ("stock", "revcol"):
        assert {f"diagram-{kind}.svg", f"maps-{kind}.png"} <= names
    assert {"depth.svg", "depth.png", "inspect.json"} <= names
    assert {file: file.read_bytes() for file in before} == before
    written = json.loads((trees / "runs/inspect/inspect.json").read_text())
    assert written["models"] == report["models"]


def test_a_feature_of_a_coarser_stride_than_a_square_is_named_as_left_out(run, trees, data):
    config = trees / STOCK / json.loads((trees / STOCK / "yolopatch.lock").read_text())["configs"]["detect"]
    config.write_text(yaml.safe_dump({**PLAIN, "backbone": [*PLAIN["backbone"], [-1, 1, "Conv", [32, 2]]]}))
    done = run("inspect", STOCK, *MEASURED, "--out", "o")
    assert done.returncode == 0, done.stderr
    assert "a square of 32 pixels holds no whole number of their cells: 4 Conv (stride 64)" in done.stdout
    (model,) = json.loads((trees / "o/inspect.json").read_text())["models"]
    assert [one["stride"] for one in model["features"]] == [2, 4, 8, 32]
    assert model["left_out"] == [{"name": "4 Conv", "stride": 64}]


def test_the_diagram_has_every_level_and_every_row(run, trees):
    done = run("inspect", REVCOL, "--imgsz", "64", "--out", "o")
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in (trees / "o").iterdir()) == ["diagram.svg", "inspect.json"]
    texts = [element.text for element in ET.parse(trees / "o/diagram.svg").iter() if element.tag.endswith("text")]
    assert texts.count("8 × /4") == 5  # the stem and level 0 of four columns
    assert [texts.count(f"l{level}") for level in range(4)] == [4, 4, 4, 4]
    assert {"RevCol", "PickLevel 1", "Detect"} <= {*texts}


def test_a_second_look_takes_the_next_folder_and_gives_the_same_numbers(run, trees, data):
    for _ in range(2):
        done = run("inspect", STOCK, *MEASURED, "-q", env={"DISPLAY": "", "MPLBACKEND": "TkAgg"})
        assert done.returncode == 0, done.stderr
    assert "runs/inspect-2/depth.svg" in done.stdout
    one, other = (trees / "runs" / name / "inspect.json" for name in ("inspect", "inspect-2"))
    assert one.read_bytes() == other.read_bytes()
    assert (one.with_name("depth.svg")).read_bytes() == (other.with_name("depth.svg")).read_bytes()


def test_trained_weights_are_loaded_as_upstream_left_them(run, trees, data):
    script = (
        "import torch; from models.yolo import Model; torch.manual_seed(5);"
        "torch.save({'model': Model(CFG, 3).half(), 'ema': None}, 'best.pt')"
    )
    config = json.loads((trees / STOCK / "yolopatch.lock").read_text())["configs"]["detect"]
    command = ["python", "-c", f"CFG = {config!r}; {script}"]
    subprocess.run(command, cwd=trees / STOCK, check=True, env={"PATH": _path(), "PYTHONDONTWRITEBYTECODE": "1"})
    weights = f"{STOCK}/best.pt"
    done = run("inspect", STOCK, "--weights", weights, *MEASURED, "--json", "--lang", "en")
    assert done.returncode == 0, done.stderr
    assert "random" not in done.stderr
    (model,) = json.loads(done.stdout)["models"]
    assert (model["weights"].endswith("best.pt"), model["random_weights"]) == (True, False)
    (data.parent / "data.yaml").write_text(data.read_text().replace("nc: 3", "nc: 4").replace("- c", "- c\n- d"))
    wrong = run("inspect", STOCK, "--weights", weights, *MEASURED, "-q")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "knows 3 classes and d/data.yaml has 4" in wrong.stderr


def _path():
    import os
    import sys
    from pathlib import Path

    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def test_bad_requests_are_one_line_and_write_nothing(run, trees, data):
    (trees / "bad.png").write_text("no picture")
    torch.save({"a": 1}, trees / "other.pt")
    (trees / "cut.pt").write_bytes(b"PK")
    (trees / "taken").mkdir()
    (trees / "taken/mine").write_text("x")
    cases = {
        ("--weights", "gone.pt"): "gone.pt: no such file; name a checkpoint",
        ("--weights", "other.pt"): "it is no training checkpoint of this YOLO",
        ("--weights", "cut.pt"): "cannot be read by this workspace's code",
        ("--run", "gone"): "has no run 'gone'",
        ("--run", "a", "--random"): "one of --run, --weights and --random",
        ("--image", "bad.png"): "bad.png: no picture that can be read (not a picture, or damaged); name another",
        ("--image", "gone.png"): "gone.png: no picture that can be read (No such file",
        ("--data", "gone.yaml"): "gone.yaml: cannot be read",
        ("--data", "d/data.yaml", "--split", "test"): "has no split 'test'",
        ("--data", "d/data.yaml", "--images", "3"): "3 pictures are too few",
        ("--against-weights", "other.pt"): "needs --against",
        ("--against", "nowhere"): "nowhere",
        ("--device", "tpu"): "no device 'tpu'",
        ("--form", "detekt"): "did you mean",
        ("--out", "taken"): "taken exists and is not empty; name another folder",
    }
    for args, expected in cases.items():
        done = run("inspect", REVCOL, "-q", "--imgsz", "64", *args)
        errors = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
        assert (done.returncode, len(errors)) == (2, 1), (args, done.stderr)
        assert expected in errors[0], errors
        if "--image" in args:
            assert "warning" not in done.stderr  # it is seen before anything else
        assert not (trees / "runs").exists(), args
    assert [file.name for file in (trees / "taken").iterdir()] == ["mine"]


def test_a_model_that_does_not_run_is_one_line_and_leaves_no_folder(run, trees):
    (trees / REVCOL / "models/yolo.py").write_text(YOLO_PY.replace("x = row(x)", "raise ValueError('broken')"))
    done = run("inspect", REVCOL, "--imgsz", "64", "-q")
    assert done.returncode == 1
    assert "could not be run: ValueError: broken" in done.stderr.splitlines()[1]
    assert not (trees / "runs").exists()
