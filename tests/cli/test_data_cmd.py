"""`yolopatch data` on the command line: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from tests.datasets import small_set

pytest.importorskip("PIL")


def coco(root, name="train.json"):
    """An instances JSON with one picture of two objects."""
    small_set.picture(root / "pictures" / "a.png", (100, 50))
    boxes = [{"id": 1, "image_id": 1, "category_id": 5, "bbox": [10, 10, 20, 20]}]
    boxes.append({"id": 2, "image_id": 1, "category_id": 5, "bbox": [50, 10, 20, 20], "iscrowd": 1})
    images = [{"id": 1, "file_name": "a.png", "width": 100, "height": 50}]
    document = {"images": images, "annotations": boxes, "categories": [{"id": 5, "name": "boat"}]}
    (root / name).write_text(json.dumps(document))
    return root / name


def test_demo_then_check(run, work):
    pytest.importorskip("sklearn")
    pytest.importorskip("skimage")
    made = run("data", "demo", "d", "--images", "8", "--size", "64", "--json")
    assert made.returncode == 0, made.stderr
    document = json.loads(made.stdout)
    assert document["pictures"] == {"train": 8, "val": 2, "test": 2}
    assert document["yaml"] == "d/data.yaml"
    again = run("data", "demo", "d", "-q")
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.splitlines() == ["error: d exists and is not empty; name another folder, or remove it first"]
    checked = run("data", "check", "d/data.yaml", "-q")
    assert checked.returncode == 0, checked.stdout
    assert checked.stderr == ""
    assert checked.stdout.splitlines()[-1] == "d/data.yaml: fine, v5, v7, v8 and v9 accept it"
    assert "\x1b" not in checked.stdout


def test_an_interrupted_demo_leaves_nothing(environment, tmp_path):
    pytest.importorskip("sklearn")
    pytest.importorskip("skimage")
    place = tmp_path / "place"
    place.mkdir()
    command = [sys.executable, "-m", "yolopatch", "data", "demo", "d", "--images", "90000", "-q"]
    with subprocess.Popen(command, cwd=place, env=environment, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not list(place.rglob("*.png")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said.strip() == "error: interrupted; nothing half-done was left"
    assert list(place.iterdir()) == []


def test_check_exits_1_with_problems_and_2_with_an_unusable_yaml(run, work):
    file = small_set.make(work, {"train/a": "0 .5 .5 2 .5\n" + "1 9 9 9 9\n" * 30})
    checked = run("data", "check", "data.yaml")
    assert checked.returncode == 1
    assert checked.stderr.splitlines() == ["checking data.yaml ..."]
    lines = checked.stdout.splitlines()
    assert f"problem: {work}/labels/train/a.txt:1: a coordinate outside 0 to 1" in lines
    assert "problem: and 11 more; --json lists all" in lines
    assert lines[-1] == "data.yaml: 31 problems"
    document = json.loads(run("data", "check", "data.yaml", "--json").stdout)
    assert (document["ok"], len(document["problems"])) == (False, 31)
    file.write_text("train: gone\n")
    broken = run("data", "check", "data.yaml", "--json")
    assert broken.returncode == 2
    assert json.loads(broken.stdout)["error"]["kind"] == "request"


def test_check_rewrites_a_yaml_that_not_all_read_alike(run, work):
    small_set.make(work, train="images/train", val="images/val", nc=None)
    first = run("data", "check", "data.yaml", "--rewrite", "fits.yaml", "-q")
    assert first.returncode == 1
    assert "yaml: data.yaml: 'nc: 2' is missing, which YOLOv7 wants" in first.stdout
    assert run("data", "check", "fits.yaml", "-q").returncode == 0
    taken = run("data", "check", "data.yaml", "--rewrite", "fits.yaml", "-q")
    assert (taken.returncode, taken.stderr) == (2, "error: fits.yaml exists; name another file for --rewrite\n")


def test_convert_one_json_then_check(run, work):
    coco(work)
    checked = run("data", "check", "train.json", "--images", "pictures", "-q")
    assert checked.returncode == 0, checked.stdout
    made = run("data", "convert", "train.json", "--images", "pictures", "out")
    assert made.returncode == 0, made.stderr
    assert "warning: no --val: the YAML validates on the training pictures, which says little" in made.stderr
    assert "1 classes; 1 pictures linked, 0 copied" in made.stdout
    assert (work / "out" / "labels" / "train" / "a.txt").read_text() == "0 0.200000 0.400000 0.200000 0.400000\n"
    assert run("data", "check", "out/data.yaml", "-q").returncode == 0


def test_convert_several_jsons(run, work):
    coco(work)
    coco(work, "val.json")
    made = run(
        *("data", "convert", "--train", "train.json", "--val", "val.json", "--images", "pictures", "--copy"),
        *("--json", "-q", "out"),
    )
    assert (made.returncode, made.stderr) == (0, "")
    document = json.loads(made.stdout)
    assert {split: count["crowds"] for split, count in document["splits"].items()} == {"train": 1, "val": 1}
    assert (document["names"], document["copied"]) == (["boat"], 2)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("out",), "name the instances to train on once"),
        (("a.json", "out", "--train", "b.json"), "name the instances to train on once"),
        (("a.json", "b.json", "out"), "one INSTANCES.json and OUT are due"),
        (("gone.json", "out"), "gone.json: cannot be read"),
    ],
)
def test_convert_says_what_it_wants(run, arguments, says):
    done = run("data", "convert", *arguments, "--images", ".", "-q")
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_images_go_with_a_json_only(run, work):
    small_set.make(work)
    done = run("data", "check", "data.yaml", "--images", ".", "-q")
    assert done.returncode == 2
    assert "--images goes with an instances JSON" in done.stderr
