"""`yolopatch train` and its siblings on a miniature upstream that really trains something, in a moment."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

from tests.small_training import INTERFACE, VAL
from tests.upstream import dataset

NAME = "yolotiny-revcol-x"
APPLY = ("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none", "--nc", "3")

TRAIN = """\
import argparse, csv, os, pathlib, time, torch, yaml
parser = argparse.ArgumentParser()
for name in ("cfg", "weights", "data", "epochs", "imgsz", "batch", "device", "seed", "place", "resume"):
    parser.add_argument("--" + name)
parser.add_argument("--pause", type=float, default=0.0)
parser.add_argument("--fail-at", type=int, default=-1)
opt = parser.parse_args()
start = 0
if opt.resume:
    place = pathlib.Path(opt.resume).parent.parent
    start = torch.load(opt.resume, weights_only=False)["epoch"] + 1
    opt.epochs, opt.pause = 3, 0.0
else:
    place = pathlib.Path(opt.place)
    (place / "weights").mkdir(parents=True)
    (place / "results.csv").write_text("epoch,loss,map\\n")
assert yaml.safe_load(open(opt.data))["nc"] == 3 if opt.data else True
for epoch in range(start, int(opt.epochs)):
    print("     Epoch    GPU_mem   box_loss", flush=True)
    print(f"  {epoch}/{int(opt.epochs) - 1}  0G  0.5  9  64: 100%|###", flush=True)
    if epoch == opt.fail_at:
        raise RuntimeError("the loss is gone")
    if epoch == 1:
        time.sleep(opt.pause)
    with (place / "results.csv").open("a") as table:
        table.write(f"{epoch},{1 / (epoch + 1)},{[0.5, 0.9, 0.7][epoch % 3]}\\n")
    for name in ("last",) if opt.resume and epoch == 2 else ("last", "best"):
        torch.save({"epoch": epoch, "model": torch.nn.Linear(1, 1)}, place / "weights" / f"{name}.pt")
for file in (place / "weights").glob("*.pt"):  # what strip_optimizer does
    torch.load(file, weights_only=False)
"""


@pytest.fixture
def workspace(run, work, tiny):
    tiny.upstream_yaml.write_text(tiny.upstream_yaml.read_text() + INTERFACE)
    assert run(*APPLY).returncode == 0
    (work / NAME / "train.py").write_text(TRAIN)
    (work / NAME / "val.py").write_text(VAL)
    return work / NAME


@pytest.fixture
def data(work):
    return dataset.make(work / "d", train=2, val=2)


@pytest.fixture
def train(run, workspace, data):
    def call(*args):
        return run("train", NAME, "--data", str(data), "--epochs", "3", "--device", "cpu", *args)

    return call


def rows(workspace, name):
    with (workspace / "runs" / name / "results.csv").open() as file:
        return list(csv.DictReader(file))


def record(workspace, name):
    return json.loads((workspace / "runs" / name / "run.json").read_text())


def test_a_run_has_one_table_and_one_record(train, workspace, run):
    done = train("--json", "--seed", "7")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document == record(workspace, "train")
    assert (document["status"], document["seed"], document["epochs_done"]) == ("finished", 7, 3)
    assert document["best"]["epoch"] == 2
    assert document["best"]["val"]["mAP50"] == 0.75
    assert set(document["versions"]) == {"python", "torch", "torchvision", "numpy", "yolopatch"}
    assert document["lock"]["inputs"]["variant"] == "revcol-x"
    table = rows(workspace, "train")
    assert [row["epoch"] for row in table] == ["1", "2", "3"]
    assert [bool(row["AP-small"] or row["AP-medium"]) for row in table] == [False, True, False]
    assert all(float(row["seconds"]) >= 0 for row in table)
    assert "epoch 2/3: box_loss 0.5, mAP50 0.900" in done.stderr
    again = train("-q")
    assert again.stderr == ""
    assert (workspace / "runs" / "train2" / "log.txt").read_text().count("Epoch") == 3
    finished = run("train", NAME, "--resume", "train")
    assert (finished.returncode, finished.stderr.count("\n")) == (2, 1)
    assert "is finished after 3 epochs" in finished.stderr
    for weights in (workspace / "runs" / "train" / "upstream" / "weights").iterdir():
        weights.unlink()
    gone = run("inspect", NAME, "--run", "train")
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)
    assert "the weights of run 'train' are gone; train again, or name another --run or --weights" in gone.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_stopped_goes_on(number, train, run, environment, work, workspace, data):
    command = [
        sys.executable,
        "-m",
        "yolopatch",
        "train",
        NAME,
        "--data",
        str(data),
        "--epochs",
        "3",
        "--device",
        "cpu",
    ]
    process = subprocess.Popen(
        [*command, "--", "--pause", "60"], cwd=work, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    lines = iter(process.stderr.readline, "")
    assert any(line.startswith("epoch 1/3") for line in lines)
    taken = run("train", NAME, "--resume")
    assert (taken.returncode, taken.stderr.count("\n")) == (2, 1)
    assert "is being trained by another process" in taken.stderr
    process.send_signal(number)
    began = time.monotonic()
    code, said = process.wait(), process.stderr.read()
    process.stderr.close()
    assert time.monotonic() - began < 15
    if number == signal.SIGINT:
        assert code == 130
        assert said == f"error: interrupted after 1 epochs; go on with yolopatch train {NAME} --resume train\n"
        assert record(workspace, "train")["status"] == "interrupted"
    before = rows(workspace, "train")
    done = run("train", NAME, "--resume")
    assert done.returncode == 0, done.stderr
    assert "goes on after epoch 1 of 3" in done.stderr
    after = rows(workspace, "train")
    assert after[: len(before)] == before
    assert [row["epoch"] for row in after] == ["1", "2", "3"]
    assert (record(workspace, "train")["status"], record(workspace, "train")["resumed"]) == ("finished", 1)


def test_a_run_without_a_checkpoint_begins_anew(train, run, workspace):
    failed = train("--", "--fail-at", "0")
    assert (failed.returncode, failed.stderr.splitlines()[-1].count("RuntimeError: the loss is gone")) == (1, 1)
    assert record(workspace, "train")["status"] == "failed"
    nothing = run("train", NAME, "--resume")
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
    (workspace / "train.py").write_text(TRAIN.replace("if epoch == opt.fail_at:", "if False:"))
    (workspace / "runs/train/upstream/results.csv").write_text("epoch,loss,map\n0,9,0.1\n")
    subprocess.run(["rm", "-r", str(workspace / "runs/train/upstream")], check=True)
    done = run("train", NAME, "--resume", "train")
    assert done.returncode == 0, done.stderr
    assert "has no checkpoint yet: it begins anew" in done.stderr
    assert len(rows(workspace, "train")) == 3


def test_a_checkpoint_that_a_kill_cut_short_is_passed_over(train, run, workspace):
    assert train("-q", "--", "--fail-at", "2").returncode == 1
    last = workspace / "runs/train/upstream/weights/last.pt"
    last.write_bytes(last.read_bytes()[:100])
    done = run("train", NAME, "--resume")
    assert done.returncode == 0, done.stderr
    assert len(rows(workspace, "train")) == 3


def test_best_weights_that_a_kill_cut_short_do_not_end_the_resumed_run(train, run, workspace):
    """Upstream reads them at its end, whether a better epoch has come by then or not."""
    assert train("-q", "--", "--fail-at", "2").returncode == 1
    best = workspace / "runs/train/upstream/weights/best.pt"
    best.write_bytes(b"")
    done = run("train", NAME, "--resume")
    assert done.returncode == 0, done.stderr
    assert record(workspace, "train")["status"] == "finished"
    assert "best.pt was cut short and is set aside" in done.stderr
    assert best.with_name("best.pt.broken").exists()


def test_an_edited_workspace_trains_and_the_run_says_so(train, workspace):
    (workspace / "models/tiny.yaml").write_text("nc: 1\n")
    done = train()
    assert done.returncode == 0
    assert "1 file edited: models/tiny.yaml; trained as it is" in done.stderr
    assert record(workspace, "train")["edited"] == ["models/tiny.yaml"]


def test_a_workspace_that_lost_a_part_says_how_to_get_it_back_and_leaves_no_run(train, workspace, run, data):
    config = next((workspace / "models").glob("*revcol-x*.yaml"))
    config.rename(workspace / "aside.yaml")
    lost = train("-q")
    assert (lost.returncode, lost.stderr.count("\n")) == (2, 1), lost.stderr
    assert f"git -C {NAME} checkout -- models/{config.name} brings it back" in lost.stderr
    (workspace / "aside.yaml").rename(config)
    (workspace / "train.py").unlink()
    lost = train("-q")
    assert (lost.returncode, lost.stderr.count("\n")) == (2, 1), lost.stderr
    assert "has no train.py; apply again" in lost.stderr
    assert not (workspace / "runs").exists()


def test_bad_requests_are_one_line_and_leave_no_run(train, workspace, data):
    next((data.parent / "labels/train").iterdir()).write_text("0 0.5 0.5 9 9\n")
    cases = {
        (): "yolopatch data check",
        ("--no-check", "--device", "0"): "sees no GPU",
        ("--no-check", "--device", "tpu"): "no device 'tpu'",
        ("--no-check", "--epochs", "0"): "--epochs is 0",
        ("--no-check", "--form", "detekt"): "did you mean",
        ("--no-check", "--name", "../x"): "no name for a run",
        ("--no-check", "--nproc", "2"): "takes a GPU for each process",
        ("--no-check", "--nnodes", "2"): "--master ADDRESS:PORT",
        ("--no-check", "--python", "/no/python"): "no interpreter at",
        ("--no-check", "--weights", "gone.pt"): "no such file",
        ("--no-check", "--", "--epochs", "5"): "use --epochs instead",
        ("--no-check", "--", "--resume=x"): "use --resume instead",
    }
    for args, expected in cases.items():
        done = train("-q", *args)
        assert done.returncode in (2, 3), (args, done.stdout)
        assert done.stderr.count("\n") == 1, done.stderr
        assert expected in done.stderr
    assert not list(workspace.glob("runs/*/run.json"))


def test_the_siblings_want_weights_and_a_format_that_there_is(run, workspace, data):
    verbs = (("val", "--data", str(data)), ("predict", "--source", str(data)), ("export", "--format", "onnx"))
    for args in ((verb, NAME, *options) for verb, *options in verbs):
        done = run(*args)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "has no trained weights; train first" in done.stderr
    done = run("export", NAME, "--format", "openvino")
    assert "has no openvino, only onnx" in done.stderr
    for verb in ("train", "val"):
        done = run(verb, "nowhere", "--data", str(data))
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    run("revert", NAME, "--force")
    done = run("train", NAME, "--data", str(data))
    assert (done.returncode, "was reverted" in done.stderr) == (2, True)
