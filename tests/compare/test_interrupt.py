"""Comparisons that are really interrupted: whole rounds are kept, and the same command goes on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compare.small import Place, make
from tests.waiting import eventually

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals")
MODELS = ("tiny stock p3-p5", "tiny revcol-x p3-p5")
ARGS = ("compare", "yolotiny-stock", "yolotiny-revcol-x", "--imgsz", "64", "--train-imgsz", "64")
LONG = (*ARGS, "--rounds", "4", "--seconds", "0.4")
LATENCY = (*LONG, "--only", "latency", "--json")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    place = make(tmp_path_factory.mktemp("interrupt"))
    for variant in ("stock", "revcol-x"):
        done = place.run("apply", "--yolo", "tiny", "--variant", variant, "--nc", "3", "--verify", "none")
        assert done.returncode == 0, done.stderr
    return place


def copied(place, root):
    """A copy with a cache and a temporary folder of its own."""
    shutil.copytree(place.folder, root / "work", symlinks=True)
    compare = Path(place.variables["YOLOPATCH_CACHE"]) / "compare"
    if compare.is_dir():
        shutil.copytree(compare, root / "cache" / "compare")
    (root / "tmp").mkdir()
    variables = {**place.variables, "YOLOPATCH_CACHE": str(root / "cache"), "TMPDIR": str(root / "tmp")}
    return Place(root / "work", variables)


@pytest.fixture
def place(made, tmp_path):
    return copied(made, tmp_path)


@pytest.fixture(scope="module")
def stopped(made, tmp_path_factory):
    """`compare LATENCY`, killed after two rounds or three."""
    place = copied(made, tmp_path_factory.mktemp("stopped"))
    assert stop(place, signal.SIGKILL, *LATENCY)[0] == -signal.SIGKILL
    return place


@pytest.fixture
def left(stopped, tmp_path):
    return copied(stopped, tmp_path)


def start(place, *args, **variables):
    command = [sys.executable, "-m", "yolopatch", *args]
    environment = {**place.variables, **variables}
    return subprocess.Popen(
        command, cwd=place.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def files(place):
    return list(Path(place.variables["YOLOPATCH_CACHE"]).glob("compare/unfinished-*.json"))


def kept(place):
    """What the file of the unfinished comparison holds; None where there is none."""
    found = files(place)
    return json.loads(found[0].read_text())["kept"] if found else None


def series(place):
    """The whole rounds by series."""
    state = kept(place)
    return {name: rounds for group in state["groups"].values() for name, rounds in group["series"].items()}


def stop(place, number, *args, after=2, **variables):
    """Stop `compare ARGS` after that many whole rounds; its exit code and what it said."""
    process = start(place, *args, **variables)

    def enough():
        assert process.poll() is None, process.stderr.read()
        return files(place) and sum(map(len, series(place).values())) >= after

    eventually(enough, 300.0)
    process.send_signal(number)
    out, said = process.communicate(timeout=120)
    return process.returncode, out + said


def times(document, part, place=0):
    """Seconds by model, by round, by run."""
    return {model["name"]: model[part][place]["rounds"] for model in document["models"]}


def probes(folder):
    """Processes that work in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink().is_relative_to(folder):
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_the_same_command_measures_the_rest_and_the_kept_rounds_stay(name, place):
    args = (*LONG, "--only", "latency,training", "--csv", "a.csv", "--json")
    code, said = stop(place, signal.Signals[name], *args, after=5)
    before = series(place)
    rounds = sum(map(len, before.values()))
    assert 5 <= rounds < 8
    assert not (place.folder / "a.csv").exists()
    if name == "SIGKILL":
        assert code == -signal.SIGKILL
        eventually(lambda: not probes(place.folder))
    else:
        assert code == 130
        assert f"interrupted; {rounds} of 8 rounds are kept, and the same command goes on with the rest" in said
        assert list(Path(place.variables["TMPDIR"]).iterdir()) == []
        assert probes(place.folder) == []
    assert all(set(one["times"]) == set(MODELS) for rounds in before.values() for one in rounds)

    again = place.run(*args)
    assert again.returncode == 0, again.stderr
    assert f"{rounds} of 8 rounds are known from a sitting of 20" in again.stderr
    found = json.loads(again.stdout)
    for model in MODELS:
        for part, place_ in (("latency", 0), ("training", 0)):
            have = times(found, part, place_)[model]
            assert len(have) == 4
            key = "latency 64 1" if part == "latency" else "training"
            assert have[: len(before[key])] == [one["times"][model][place_] for one in before[key]]
    assert [sum(one["rounds"].values()) for one in found["machines"][0]["sittings"]] == [rounds, 8 - rounds]
    (note,) = [one for one in found["notes"] if "sittings" in one]
    assert "its rounds are of 2 sittings" in note
    assert "latency 4, training" in note
    assert files(place) == []
    assert (place.folder / "a.csv").read_text().splitlines()[1].split(",")[-2] == "2"


def test_fresh_measures_anew(left):
    again = left.run(*LATENCY, "--fresh")
    assert again.returncode == 0, again.stderr
    assert "are known" not in again.stderr
    assert len(json.loads(again.stdout)["machines"][0]["sittings"]) == 1
    assert json.loads(again.stdout)["notes"] == []
    assert files(left) == []


def test_another_request_and_an_edited_model_get_none_of_it(left):
    state = files(left)
    other = left.run(*LATENCY, "--seconds", "0.01")
    assert other.returncode == 0, other.stderr
    with (left.folder / "yolotiny-stock" / "models" / "net.py").open("a") as file:
        file.write("# edited\n")
    edited = left.run(*LATENCY)
    assert edited.returncode == 0, edited.stderr
    assert "known" not in other.stderr + edited.stderr
    assert files(left) == state


def test_what_another_torch_has_measured_is_dropped_and_it_is_said(left):
    (state,) = files(left)
    body = json.loads(state.read_text())["kept"]
    body["machine"]["torch"] = "1.0"
    checksum = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    state.write_text(json.dumps({"sha256": checksum, "kept": body}))
    done = left.run(*LATENCY)
    assert done.returncode == 0, done.stderr
    assert "warning: what was kept is of another machine (torch 1.0, now " in done.stderr
    assert len(json.loads(done.stdout)["machines"][0]["sittings"]) == 1
    assert files(left) == []


def test_a_damaged_file_is_said_and_measured_anew(left):
    (state,) = files(left)
    state.write_text(state.read_text()[:-40])
    done = left.run(*LATENCY)
    assert done.returncode == 0, done.stderr
    assert f"warning: {state}: the kept rounds are damaged; measured anew\n" in done.stderr
    assert len(json.loads(done.stdout)["machines"][0]["sittings"]) == 1


def test_a_model_that_cannot_be_built_any_more_is_said(left):
    state = files(left)[0].read_text()
    done = left.run(*LATENCY[:-1], TEST_BEHAVIOUR="raise:RevCol")
    assert done.returncode == 1
    assert "ValueError: this model; it could be measured when the kept rounds were: put right what" in done.stderr
    assert files(left)[0].read_text() == state


def test_a_second_one_that_measures_the_same_is_refused(place):
    first = start(place, *LATENCY)
    eventually(lambda: files(place))
    first.send_signal(signal.SIGSTOP)
    second = place.run(*LATENCY[:-1])
    first.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=120)
    assert (second.returncode, second.stderr.count("\n")) == (2, 1)
    assert "another yolopatch compare measures the same here; wait for it" in second.stderr


def test_a_failure_is_kept_with_the_rounds_that_lack_it(place):
    stop(place, signal.SIGINT, *LATENCY, TEST_BEHAVIOUR="raise:RevCol")
    assert set(series(place)["latency 64 1"][0]["times"]) == {MODELS[0]}
    done = place.run(*LATENCY)
    assert done.returncode == 1
    stock, revcol = json.loads(done.stdout)["models"]
    assert len(stock["latency"][0]["rounds"]) == 4
    assert revcol["failed"] == {"latency": "ValueError: this model"}


def test_an_interrupt_before_the_first_round_leaves_nothing(place):
    before = place.files()
    process = start(place, *ARGS, "--rounds", "999", "--save", "x.json")
    temporary = Path(place.variables["TMPDIR"])
    eventually(lambda: any(temporary.glob("*/results.jsonl")))
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "error: interrupted; " in said
    assert list(temporary.iterdir()) == []
    assert place.files() == before


def test_where_the_cache_cannot_be_written_it_is_measured_all_the_same(place):
    (Path(place.variables["YOLOPATCH_CACHE"])).write_text("a file")
    done = place.run(*ARGS, "--rounds", "2", "--seconds", "0.01", "--only", "latency")
    assert done.returncode == 0, done.stderr
    assert "warning: rounds are not kept, an interrupt would lose them" in done.stderr
