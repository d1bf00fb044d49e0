"""The command line on a small upstream: what it measures, what it writes, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.compare.small import NAMES, QUICK, Place, add_run, make
from yolopatch.compare import store

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime")), reason="needs onnx, onnxruntime"
)
WITHOUT_ONNX = ("--only", "latency,training,memory")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Both workspaces made by their names and measured once, with everything that can be written."""
    root = tmp_path_factory.mktemp("compare")
    place = make(root)
    parts = () if importlib.util.find_spec("onnx") else WITHOUT_ONNX
    outputs = ("--save", "here.json", "--csv", "here.csv", "--latex", "here.tex", "--columns", "2")
    done = place.compare(*NAMES, *parts, *outputs, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    return place, json.loads(done.stdout)


@pytest.fixture
def place(made, tmp_path):
    """A copy of that, to spoil."""
    place = made[0]
    shutil.copytree(place.folder, tmp_path / "work", symlinks=True)
    shutil.copytree(place.variables["YOLOPATCH_CACHE"], tmp_path / "cache")
    return Place(tmp_path / "work", {**place.variables, "YOLOPATCH_CACHE": str(tmp_path / "cache")})


def test_names_make_the_workspaces_that_are_missing(made):
    place, found = made
    assert [model["name"] for model in found["models"]] == ["tiny stock p3-p5", "tiny revcol-x p3-p5"]
    assert (place.folder / "yolotiny-stock" / "yolopatch.lock").is_file()
    assert (place.folder / "yolotiny-revcol-x" / "yolopatch.lock").is_file()


def test_everything_was_measured(made):
    stock, revcol = made[1]["models"]
    assert stock["failed"] == revcol["failed"] == {}
    assert stock["values"]["parameters_m"]["number"] == pytest.approx(sum(stock["static"]["parameters"].values()) / 1e6)
    assert stock["values"]["gflops_64"]["number"] > 0
    assert [row["kind"] for row in revcol["static"]["rows"]] == ["RevCol", "Pick", "Detect"]
    assert [row["part"] for row in revcol["static"]["rows"]] == ["backbone", "backbone", "head"]
    assert (stock["static"]["reversible"], revcol["static"]["reversible"]) == (False, True)
    assert len(stock["latency"][0]["rounds"]) == len(revcol["latency"][0]["rounds"]) == 2
    assert [one["mode"] for one in stock["training"]] == ["plain"]
    assert [one["mode"] for one in revcol["training"]] == ["exact", "plain"]
    assert [(one["mode"], one["columns"]) for one in revcol["memory"]] == [
        ("exact", None), ("plain", None), ("exact", 2), ("plain", 2),
    ]  # fmt: skip
    assert all(one["bytes"] > 0 for one in revcol["memory"])


def test_operations_by_part_sum_to_the_whole_by_the_same_counter(made):
    for model in made[1]["models"]:
        parts = model["static"]["counted_parts"]["64"]
        assert list(parts) == ["backbone", "neck", "head"]
        assert sum(parts.values()) == pytest.approx(sum(model["static"]["counted"]["64"].values()), rel=1e-12)
        assert sum(parts.values()) == pytest.approx(model["values"]["gflops_64"]["number"], rel=1e-12)
    # By hand: stem, three halvings, and a 1x1 convolution to 3 classes and 5 numbers on 2x2 places.
    macs = {"backbone": 16**2 * 8 * 48, "neck": (8**2 + 4**2 + 2**2) * 8 * 72, "head": 2**2 * 8 * 8}
    assert made[1]["models"][0]["static"]["counted_parts"]["64"] == {part: 2 * n / 1e9 for part, n in macs.items()}


@needs_onnx
def test_the_exported_model_was_measured(made):
    for model in made[1]["models"]:
        assert model["onnx"]["bytes"] > 0
        assert len(model["onnx"]["rounds"]) == 2


def test_the_machine_is_described(made):
    (machine,) = made[1]["machines"]
    assert machine["threads"] >= 1
    assert machine["device"] == "cpu"
    assert "load average" in machine["text"]


def test_measuring_leaves_a_workspace_as_it_was(made):
    for name in ("yolotiny-stock", "yolotiny-revcol-x"):
        done = made[0].run("status", name, "--json")
        assert json.loads(done.stdout)["clean"] is True, done.stdout


def test_a_report_is_made_again_without_measuring(place):
    first = place.run("compare", "--from", "here.json", "--csv", "again.csv")
    assert first.returncode == 0, first.stderr
    assert (place.folder / "again.csv").read_text() == (place.folder / "here.csv").read_text()
    last = place.run("compare", "--from", "last", "--csv", "last.csv")
    assert last.returncode == 0, last.stderr
    assert (place.folder / "last.csv").read_text() == (place.folder / "here.csv").read_text()
    over = place.run("compare", "--from", "last", "--csv", "last.csv", "--latex", "here.tex")
    assert over.returncode == 0, over.stderr  # its own files it may replace


def test_files_of_two_machines_are_put_together_and_it_is_said(place):
    there = json.loads((place.folder / "here.json").read_text())
    there["machine"]["host"] = "0" * 12
    (place.folder / "there.json").write_text(json.dumps(there))
    done = place.run("compare", "--from", "here.json", "--from", "there.json")
    assert done.returncode == 0
    assert "The numbers are from different machines" in done.stdout
    assert "tiny stock p3-p5 [B]" in done.stdout


def test_stdout_has_no_colour_and_ends_with_how_it_was_measured(place):
    done = place.run("compare", "--from", "here.json")
    assert "\x1b" not in done.stdout
    assert "Ratios (×) are to tiny stock p3-p5." in done.stdout
    assert "torch.utils.flop_counter" in done.stdout
    assert done.stderr == ""


def test_finished_runs_give_accuracy_with_its_spread_over_seeds(place):
    for seed in (0, 1):
        add_run(place.folder / "yolotiny-stock", f"s{seed}", seed=seed)
    add_run(place.folder / "yolotiny-stock", "broken", status="failed")
    done = place.compare("yolotiny-stock", "yolotiny-revcol-x", "--only", "static", "--json")
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)["models"][0]
    assert found["values"]["mAP50"] == {"number": pytest.approx(25.0), "low": 20.0, "high": pytest.approx(30.0),
                                        "count": 2, "ratio": pytest.approx(1.0)}  # fmt: skip
    assert [run["name"] for run in found["runs"]] == ["s0", "s1"]
    assert "run 'broken' of" in done.stderr
    assert "left out" in done.stderr


def test_a_model_that_fails_stops_no_other(place):
    done = place.compare("yolotiny-stock", "yolotiny-revcol-x", *WITHOUT_ONNX, "--json", TEST_BEHAVIOUR="raise:RevCol")
    assert done.returncode == 1
    stock, revcol = json.loads(done.stdout)["models"]
    assert stock["failed"] == {}
    assert revcol["failed"]["latency"] == "ValueError: this model"
    assert stock["values"]["latency_64_b1_ms"]["number"] > 0


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
def test_a_model_whose_process_dies_is_told(place):
    done = place.compare("yolotiny-stock", "yolotiny-revcol-x", *WITHOUT_ONNX, TEST_BEHAVIOUR="die:Stem")
    assert done.returncode == 1
    assert "the process was killed by SIGKILL, which is what happens where memory runs out" in done.stdout


@needs_onnx
def test_an_export_that_fails_costs_the_export_only(place):
    done = place.compare("yolotiny-stock", "--json", TEST_BEHAVIOUR="export:export fails")
    assert done.returncode == 1
    (model,) = json.loads(done.stdout)["models"]
    assert list(model["failed"]) == ["onnx"]
    assert "no exporter today" in model["failed"]["onnx"]


def test_where_nothing_can_be_measured_nothing_is_written(place):
    before = place.files()
    done = place.compare("yolotiny-stock", "--csv", "x.csv", "--save", "x.json", TEST_BEHAVIOUR="raise:Stem")
    assert (done.returncode, done.stdout) == (1, "")
    assert "no model could be measured: tiny stock p3-p5: ValueError: this model" in done.stderr
    assert place.files() == before


BAD = {
    "no workspace": (("nowhere",), "nowhere: no such folder; make a workspace with yolopatch apply"),
    "a folder that is none": (("plain",), "not a workspace"),
    "nothing": ((), "name workspaces, or what to make with --yolo and --variant, or files"),
    "twice": (("yolotiny-stock", "./yolotiny-stock"), "is named twice; name every workspace once"),
    "a typo": (("--yolo", "tinny"), "no YOLO 'tinny'; did you mean tiny?"),
    "a variant's typo": (("--yolo", "tiny", "--variant", "revcol-y"), "revcol-x"),
    "an empty list": (("--yolo", ","), "--yolo is empty"),
    "a part": (("yolotiny-stock", "--only", "speed"), "no part for --only 'speed'; there are: static"),
    "a number": (("yolotiny-stock", "--batch", "one"), "--batch is 'one'; give whole numbers with commas between"),
    "a size": (("yolotiny-stock", "--imgsz", "100"), "must be a multiple of 32"),
    "a baseline": (("yolotiny-stock", "--baseline", "v8"), "--baseline 'v8' is none of the models"),
    "a run": (("yolotiny-stock", "--run", "x"), "--run 'x': no workspace has such a run; there are none"),
    "a file": (("--from", "none.json"), "none.json: no such file"),
    "another file": (("--from", "here.csv"), "no measurements of yolopatch compare"),
    "a place": (("yolotiny-stock", "--report", "no/r.html"), "no is no folder; name another file"),
    "an ending": (("yolotiny-stock", "--csv", "data.yaml"), "name a file that ends in .csv"),
    "a file of the user's": (("yolotiny-stock", "--save", "mine.json"), "is not overwritten; name another for --save"),
    "a page of the user's": (("yolotiny-stock", "--report", "mine.html"), "is not overwritten; name another for"),
    "a CSV of the user's": (("yolotiny-stock", "--csv", "mine.csv"), "is not overwritten; name another for --csv"),
    "a paper": (("yolotiny-stock", "--latex", "mine.tex"), "is not overwritten; name another for --latex"),
    "seconds": (("yolotiny-stock", "--seconds", "-1", "--imgsz", "64"), "--seconds is -1; it must be a number of"),
    "no seconds": (("yolotiny-stock", "--seconds", "nan", "--imgsz", "64"), "--seconds is nan; it must be a number"),
    "classes to be made": (
        ("yolotiny-stock", "--yolo", "tiny", "--work", "new"),
        "tiny stock p3-p5 has 3 classes and what --yolo makes has 80; add --nc 3",
    ),
    "a workspace of another kind": (
        ("--yolo", "tiny", "--variant", "stock"),
        "yolotiny-stock is not what --yolo, --variant, --head and --nc ask for (classes 3); name the folder itself",
    ),
    "a model that is not there": (("--yolo", "tiny", "--variant", "stock", "--head", "p2-p5"), "yolopatch list"),
    "an interpreter": (("yolotiny-stock", "--python", "/no/python"), "no interpreter at /no/python"),
    "classes": (("yolotiny-stock", "other"), r"compare workspaces that were made with the same --nc"),
    "nc alone": (("yolotiny-stock", "--nc", "3"), "--nc is for workspaces that are made"),
}


@pytest.fixture(scope="module")
def bad(made, tmp_path_factory):
    root = tmp_path_factory.mktemp("bad")
    shutil.copytree(made[0].folder, root / "work", symlinks=True)
    place = Place(root / "work", made[0].variables)
    (place.folder / "plain").mkdir()
    (place.folder / "mine.html").write_text("<!doctype html>")
    (place.folder / "mine.json").write_text('{"mine": 1}')
    (place.folder / "mine.csv").write_text("model,mAP\n")
    (place.folder / "mine.tex").write_text("\\documentclass{article}\n")
    done = place.run(
        "apply", "--yolo", "tiny", "--variant", "stock", "--nc", "7", "--verify", "none", "--dest", "other"
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.mark.parametrize("name", BAD)
def test_what_makes_no_sense_is_refused_in_one_line_and_nothing_is_written(bad, name):
    args, message = BAD[name]
    before = bad.files()
    done = bad.run("compare", *args, *(() if "--imgsz" in args else QUICK))
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stdout == ""
    assert bad.files() == before


def test_a_bad_request_is_one_json_document_too(bad):
    done = bad.compare("nowhere", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["kind"] == "request"


RUNS = {
    "failed": ({"status": "failed"}, "did not finish (failed); go on with yolopatch train"),
    "interrupted": ({"status": "interrupted"}, "did not finish (interrupted); go on with yolopatch train"),
    "other pictures": ({"pictures": ("c.png",)}, "was trained on another data set"),
    "other classes": ({"classes": ["zero", "one"]}, "was trained on another data set"),
}


@pytest.mark.parametrize("name", RUNS)
def test_runs_that_cannot_be_compared_are_refused(place, name):
    changes, message = RUNS[name]
    add_run(place.folder / "yolotiny-stock", "good")
    add_run(place.folder / "yolotiny-revcol-x", "odd", **changes)
    done = place.compare("yolotiny-stock", "yolotiny-revcol-x", "--save", "new.json")
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert not (place.folder / "new.json").exists()
    left_out = place.compare("yolotiny-stock", "yolotiny-revcol-x", "--no-runs", "--only", "static")
    assert left_out.returncode == 0, left_out.stderr


def test_a_run_without_its_weights_is_refused(place):
    folder = add_run(place.folder / "yolotiny-stock", "train")
    (folder / "upstream" / "weights" / "best.pt").unlink()
    done = place.compare("yolotiny-stock")
    assert done.returncode == 2
    assert "the weights of a finished run are gone; train again, name other runs by --run" in done.stderr


def test_completion_knows_the_names(made):
    done = made[0].run(
        _YOLOPATCH_COMPLETE="bash_complete", COMP_WORDS="yolopatch compare --variant rev", COMP_CWORD="3"
    )
    assert "revcol-x" in done.stdout


def test_what_is_saved_can_be_read(made):
    document = store.load(made[0].folder / "here.json")
    assert document.how.imgsz == (64,)
    assert Path(made[0].folder / "here.tex").read_text().count(r"\toprule") >= 2
