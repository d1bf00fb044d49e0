"""The default pins, from the package registry: they build, run, train and export."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.upstream import dataset
from yolopatch.catalog import HEADS, Catalog
from yolopatch.workflows.plan import make_plan

CATALOG = Catalog()
YOLOS = CATALOG.supported
pytestmark = pytest.mark.usefixtures("registry")


@pytest.mark.parametrize("yolo", YOLOS)
def test_a_patched_model_builds_runs_trains_and_exports(yolo, small, verify):
    report = verify(str(small(yolo)), "--level", "export")
    facts = {level["name"]: level["facts"] for level in report["levels"]}
    assert list(facts) == ["build", "forward", "gradients", "train", "export"]
    assert facts["build"]["strides"] == [8, 16, 32]


@pytest.mark.parametrize("yolo", YOLOS)
def test_every_form_gets_its_gradients(yolo, small, verify):
    forms = [form.name for form in CATALOG.upstream(yolo).forms if not form.default]
    for form in forms:
        verify(str(small(yolo)), "--level", "gradients", "--form", form)


@pytest.mark.parametrize("yolo", YOLOS)
def test_the_small_object_head_runs_in_every_form(yolo, apply, verify):
    folder, _ = apply(
        "--yolo", yolo, "--variant", "revcol-a", "--head", "p2-p5", "--origin", "pypi", "--verify", "none"
    )
    for form in CATALOG.upstream(yolo).forms:
        report = verify(str(folder), "--form", form.name)
        assert report["levels"][0]["facts"]["strides"] == [4, 8, 16, 32]


@pytest.mark.parametrize("yolo", YOLOS)
def test_the_stock_model_gets_its_gradients(yolo, apply):
    apply("--yolo", yolo, "--variant", "stock", "--origin", "pypi", "--verify", "gradients")


@pytest.mark.parametrize(
    ("yolo", "variant"), [("v5", "stock-n"), ("v7", "stock-tiny"), ("v8", "stock-s"), ("v9", "stock-t")]
)
def test_another_size_of_the_stock_model_builds_and_runs(yolo, variant, apply, verify):
    folder, _ = apply("--yolo", yolo, "--variant", variant, "--nc", "3", "--origin", "pypi", "--verify", "none")
    report = verify(str(folder), "--level", "forward")
    assert report["levels"][0]["facts"]["strides"] == [8, 16, 32]


@pytest.mark.parametrize("yolo", YOLOS)
def test_the_lock_names_every_file_that_is_not_the_pins(yolo, small):
    import json

    source = json.loads((small(yolo) / "yolopatch.lock").read_text())["inputs"]["source"]
    assert source["origin"] == "pypi"
    assert source["identical_files"] > 30


@pytest.mark.parametrize("yolo", YOLOS)
def test_upstreams_own_scripts_train_validate_detect_and_export_without_us(yolo, small, environment, tmp_path):
    folder = small(yolo)
    form = CATALOG.upstream(yolo).default_form
    config = make_plan(CATALOG, yolo, "revcol-a", head=HEADS[0]).config(form)
    data = dataset.make(tmp_path / "data")
    # Whoever imports yolopatch in there fails.
    (tmp_path / "block").mkdir()
    (tmp_path / "block" / "yolopatch.py").write_text("raise ImportError('upstream code must not import yolopatch')\n")
    env = {
        **environment,
        "PYTHONPATH": str(tmp_path / "block"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}",
    }
    values = {"config": config, "data": data, "name": "t", "imgsz": 128, "batch": 4, "epochs": 1, "device": "cpu",
              "weights": "", "source": data.parent / "images" / "val"}  # fmt: skip

    def call(command: str) -> None:
        line = command.format(**values).replace("--workers 8", "--workers 0")
        done = subprocess.run(line, shell=True, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"

    call(form.commands.train)
    (values["weights"],) = [path.relative_to(folder) for path in folder.glob("runs/**/weights/last.pt")]
    call(form.commands.val)
    call(form.commands.detect)
    call(form.commands.export)
    assert list((folder / values["weights"]).parent.glob("*.onnx"))
