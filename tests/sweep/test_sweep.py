"""`yolopatch sweep` on small upstreams that really train."""

from __future__ import annotations

import dataclasses
import json
import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.sweep.small import PAIR, begun, table, tables
from tests.waiting import eventually


@pytest.fixture
def fresh(place):
    """A sweep's file with no folder yet."""
    mine = dataclasses.replace(place, name="fresh")
    shutil.rmtree(mine.dest, ignore_errors=True)
    return mine


def refused(run, *said):
    assert (run.returncode, run.stdout, run.stderr.count("\n")) == (2, "", 1), run.stdout + run.stderr
    for text in said:
        assert text in run.stderr


def test_every_cell_is_a_run_as_train_leaves_it_and_is_not_run_again(done):
    first = {file: file.stat().st_mtime_ns for file in done.dest.glob("*/runs/*/*")}
    again = done.run("--json")
    assert again.returncode == 0, again.stderr
    document = json.loads(again.stdout)
    assert document["counts"] == {"all": 2, "finished": 2, "failed": 0, "interrupted": 0, "waiting": 0}
    assert [cell["kept"] for cell in document["cells"]] == [True, True]
    assert {file: file.stat().st_mtime_ns for file in done.dest.glob("*/runs/*/*")} == first
    for cell in document["cells"]:
        record = json.loads((Path(cell["workspace"]) / "runs" / cell["run"] / "run.json").read_text())
        assert (record["status"], record["seed"], record["epochs_done"]) == ("finished", 0, 3)
        assert record["lock"]["inputs"]["classes"] == 3
        assert record["command"].startswith(f"yolopatch train {cell['workspace']} --data {done.folder}/d/data.yaml")
        assert cell["metrics"]["mAP50"] == record["best"]["mAP50"]
        assert "epoch 3/3" in Path(cell["log"]).read_text()
    assert document["models"][0]["mAP50"]["count"] == 1


def test_cells_may_be_added_and_nothing_else_changed(done):
    before = tables(done.dest)
    for keys, said in (
        ({"epochs": 4}, "was begun with epochs 3 and the file says 4; put it back, or name another --dest"),
        ({"arguments": {"tiny": ["--lr", "0.2"]}}, 'arguments [] and the file says ["--lr", "0.2"]'),
        ({"grid": {**PAIR, "variant": "stock"}}, "tiny_revcol-x_p3-p5_seed0, which the file does not have any more"),
    ):
        done.write(**{"grid": PAIR, **keys})
        refused(done.run("-q"), said)
    done.write(grid=PAIR, name="other")
    refused(done.run("-q", "--dest", "small"), "holds the sweep 'small' and not 'other'; name another --dest")
    done.write(grid=PAIR, include=[{"yolo": "twin", "variant": "stock"}])
    listed = json.loads(done.run("--dry-run", "--json").stdout)
    assert [cell["status"] for cell in listed["cells"]] == ["finished", "finished", "waiting"]
    assert tables(done.dest) == before
    assert len(json.loads((done.dest / "sweep.json").read_text())["cells"]) == 2


def test_a_folder_of_something_else_is_left_alone(done):
    for name in ("d", "sweep.yaml"):
        refused(done.run("-q", "--dest", name), "name another --dest")
    assert not (done.folder / "d" / "sweep.json").exists()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"epoch": 3}, "sweep.yaml:12: epoch: no key 'epoch'; did you mean epochs?"),
        ({"grid": {**PAIR, "yolo": "tinny"}}, "sweep.yaml: no YOLO 'tinny'; did you mean tiny?"),
        ({"grid": {**PAIR, "variant": "revcol-y"}}, "no variant 'revcol-y'"),
        ({"grid": {**PAIR, "head": "p4"}}, "no head 'p4'"),
        ({"grid": {**PAIR, "set": {"fusion": "maximum"}}}, "fusion"),
        ({"grid": {**PAIR, "set": {"fusio": "sum"}}}, "fusio"),
        ({"form": "detekt"}, "did you mean detect?"),
        ({"arguments": {"tinny": []}}, "no YOLO 'tinny'"),
        ({"arguments": {"tiny": ["--epochs", "5"]}}, "use --epochs instead"),
        ({"data": "gone.yaml"}, "gone.yaml"),
        ({"grid": {"yolo": "tiny", "variant": "stock", "head": "p2-p5"}}, "there is nothing to train"),
        ({"include": [{"yolo": "tiny", "variant": "stock", "head": "p2-p5"}]}, "has no stock model for p2-p5"),
    ],
)
def test_a_wrong_file_is_one_line_and_leaves_no_trace(place, keys, said):
    place.write(**{"grid": PAIR, **keys})
    refused(place.run("-q", "--dest", "wrong"), said)
    assert not (place.folder / "wrong").exists()


def test_wrong_options_are_one_line(place):
    place.write()
    refused(place.run("--partition", "gpu"), "--partition is for Slurm; add --executor slurm")
    place.file.write_text("# later\n")
    refused(place.run("-q"), "(top): keys with values are expected here; there are: ")
    place.file.unlink()
    refused(place.run("-q"), "sweep.yaml: no such file; name a sweep's YAML")


def test_an_edited_workspace_is_kept_and_the_next_step_is_one_that_sweep_has(fresh):
    fresh.write(grid={"yolo": "tiny", "variant": "stock"}, arguments={"tiny": ["--fail"]})
    assert fresh.run("-q").returncode == 1
    edited = fresh.dest / "tiny_stock_p3-p5" / "train.py"
    edited.write_text("mine = 1\n")
    again = fresh.run("--json")
    assert (again.returncode, json.loads(again.stdout)["counts"]["failed"]) == (1, 1)
    assert "tiny_stock_p3-p5 is not what this sweep asks for" in again.stderr
    assert "train.py" in again.stderr
    assert "--force" not in again.stdout + again.stderr
    assert edited.read_text() == "mine = 1\n"


def test_what_fails_is_tried_once_more_and_then_shown(fresh):
    entries = [{"variant": "stock", "arguments": ["--fail-once", "{here}/once"]}]
    fresh.write(grid=PAIR, include=[*entries, {"variant": "revcol-x", "arguments": ["--fail"]}])
    run = fresh.run("--jobs", "2")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "tiny stock p3-p5 seed 0: tried once more, after the others" in run.stderr
    assert "2 cells in" in run.stdout
    assert "1 finished, 1 failed" in run.stdout
    assert "tiny revcol-x p3-p5 seed 0 failed 2 times: " in run.stdout
    assert "RuntimeError: the loss is gone" in run.stdout
    assert f"by hand  yolopatch train {fresh.dest}/tiny_revcol-x_p3-p5 --resume seed0" in run.stdout
    again = json.loads(fresh.run("--json").stdout)
    assert [(cell["status"], cell["attempts"]) for cell in again["cells"]] == [("finished", 2), ("failed", 3)]
    script = fresh.dest / "tiny_revcol-x_p3-p5" / "train.py"
    script.write_text(script.read_text().replace("if opt.fail:", "if False:"))
    refusal = json.loads(fresh.run("--json").stdout)["cells"][1]["failure"]
    assert "1 file edited: train.py" in refusal["message"]


def test_a_stop_is_one_line_and_the_same_command_goes_on(fresh):
    gate = fresh.folder / "gate"
    gate.unlink(missing_ok=True)
    fresh.write(grid={"yolo": "tiny", "variant": "stock"}, arguments={"tiny": ["--gate", str(gate)]})
    process = fresh.start(fresh.command("-q"))
    run = fresh.dest / "tiny_stock_p3-p5" / "runs" / "seed0"
    eventually(lambda: begun(run))
    second = fresh.run("-q")
    refused(second, "another yolopatch sweep is at work in")
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert said == "error: interrupted, 0 of 1 cells are finished; the same command goes on\n"
    assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    assert "interrupted 1/3" in fresh.run("--dry-run").stdout
    gate.touch()
    again = fresh.run("--json")
    assert again.returncode == 0, again.stdout + again.stderr
    record = json.loads((run / "run.json").read_text())
    assert (record["status"], record["resumed"], len(table(run))) == ("finished", 1, 3)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes end with a killed parent on Linux")
def test_three_kills_at_any_moment_change_nothing(done):
    seed = random.randrange(10**6)
    print("moments by seed", seed)
    moments = random.Random(seed)
    for _ in range(3):
        process = done.start(done.command("-q", "--dest", "killed", "--jobs", "2"))
        time.sleep(moments.uniform(1.0, 20.0))
        process.kill()
        process.communicate()
    run = done.run("--dest", "killed", "--jobs", "2", "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    assert tables(done.folder / "killed") == tables(done.dest)
    assert [cell["status"] for cell in json.loads(run.stdout)["cells"]] == ["finished", "finished"]
