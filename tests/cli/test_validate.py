"""`yolopatch validate` on a small upstream: real git, real processes, models that are really built."""

from __future__ import annotations

import json
import os
import shutil
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.validation import small
from tests.waiting import eventually

OUT = ("--junit", "j.xml", "--summary", "s.md", "--github", "--work", "out")
MATRIX = ("--pins", "v1,v3", "--variants", "stock,revcol-x,revcol-bad", "--jobs", "3")
NAMES = ["tiny v1 stock", "tiny v1 revcol-x", "tiny v1 revcol-bad", "tiny v3 stock", "tiny v3 revcol-x"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return small.make(tmp_path_factory.mktemp("validate"))


@pytest.fixture(scope="module")
def done(place):
    """One run with cells of every kind."""
    return place.run(*MATRIX, *OUT)


@pytest.fixture
def own(tmp_path):
    return small.make(tmp_path)


def document(run):
    found = json.loads(run.stdout)
    return found, {" ".join((cell["pin"], cell["variant"], cell["form"])): cell for cell in found["cells"]}


def runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[-1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_failed_cell_stops_no_other_and_the_exit_code_tells(done):
    assert done.returncode == 1, done.stdout + done.stderr
    assert "6 cells" in done.stdout
    assert "3 ok, 3 failed" in done.stdout


def test_the_table_tells_a_patch_that_does_not_apply_from_a_model_that_does_not_build(done):
    lines = {" ".join(line.split()[:3]): " ".join(line.split()[5:]) for line in done.stdout.splitlines() if "v" in line}
    assert lines["tiny v1 stock"].startswith("ok ")
    assert lines["tiny v1 revcol-bad"].startswith("failed: verify build ")
    assert "ValueError: <b>|`x`** 100%" in lines["tiny v1 revcol-bad"]
    assert lines["tiny v3 stock"].startswith("ok ")
    assert lines["tiny v3 revcol-x"].startswith("failed: apply ")
    assert "register" in lines["tiny v3 revcol-x"]


def test_one_line_a_cell_is_said_on_the_way_and_the_workspaces_are_gone(done, place):
    lines = done.stderr.splitlines()
    assert lines[0] == "validating 6 cells ..."
    assert all(any(line.startswith(name) for line in lines) for name in NAMES)
    assert len(lines) == 7
    assert list((place.folder / "out" / "work").iterdir()) == []
    assert len(list((place.folder / "out" / "cells").glob("*.json"))) == 6


def test_junit_has_one_case_a_cell_and_can_be_read_whatever_upstream_says(done, place):
    suite = ET.parse(place.folder / "j.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("6", "3", "0")
    cases = {(case.get("classname"), case.get("name")): case for case in suite.iter("testcase")}
    assert len(cases) == 6
    bad = cases["tiny.v1", "revcol-bad p3-p5 detect"].find("failure")
    assert bad.get("message").startswith("verify build: ValueError: <b>|`x`** 100%")
    assert "models/net.py" in bad.text
    assert cases["tiny.v3", "revcol-x p3-p5 detect"].find("failure").get("message").startswith("apply: ")
    assert cases["tiny.v1", "revcol-x p3-p5 detect"].find("failure") is None
    assert "parameters: 9" in cases["tiny.v1", "revcol-x p3-p5 detect"].find("system-out").text


def test_the_summary_keeps_its_table_and_shows_marks_as_text(done, place):
    text = (place.folder / "s.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| tiny")]
    assert len(rows) == 6
    assert all(row.replace("\\|", "").count("|") == 10 for row in rows)
    assert [("**failed" in row) for row in rows] == [True] * 3 + [False] * 3
    assert "<b>" not in text
    assert "\\`x\\`\\*\\*" in text
    assert "<details><summary>tiny v1 revcol-bad p3-p5 detect: failed: verify build</summary>" in text


def test_annotations_are_one_line_each_and_hold_no_command_of_upstreams(done):
    lines = [line for line in done.stdout.splitlines() if "::" in line and line.startswith("::")]
    assert len(lines) == 3
    assert lines[0].startswith("::error title=tiny v1 revcol-bad p3-p5 detect%3A failed%3A verify build::ValueError: ")
    assert "100%25" in lines[0]


def test_run_again_only_what_failed_is_done(done, place, tmp_path):
    shutil.copytree(place.folder / "out", tmp_path / "out")
    again = place.run(*MATRIX, "--work", str(tmp_path / "out"), "--json")
    found, cells = document(again)
    assert again.returncode == 1
    assert found["counts"] == {"all": 6, "ok": 3, "failed": 3, "skipped": 0}
    assert {name for name, cell in cells.items() if cell["kept"]} == {
        *("v1 stock detect", "v1 revcol-x detect", "v3 stock detect")
    }
    assert cells["v1 revcol-bad detect"]["step"] == "verify"
    assert cells["v3 revcol-x detect"]["step"] == "apply"
    assert again.stderr.splitlines()[0] == "3 of 6 cells are known from an earlier run (--fresh: anew)"
    assert len(again.stderr.splitlines()) == 5


def test_fresh_does_all_anew_and_quiet_is_silent(done, place, tmp_path):
    shutil.copytree(place.folder / "out", tmp_path / "out")
    args = ("--pins", "v1", "--variants", "stock", "--work", str(tmp_path / "out"), "--json", "-q")
    assert [cell["kept"] for cell in document(place.run(*args))[0]["cells"]] == [True]
    again = place.run(*args, "--fresh")
    assert [cell["kept"] for cell in document(again)[0]["cells"]] == [False]
    assert again.stderr == ""


def test_a_patch_that_was_edited_is_tried_anew(done, place, tmp_path):
    shutil.copytree(place.folder / "out", tmp_path / "out")
    shutil.copytree(place.tiny.data, tmp_path / "data")
    file = tmp_path / "data/patches/tiny/revcol/register.patch"
    file.write_text(file.read_text().replace("module(row)  # RevCol", "module(row)  # ours"))
    args = ("--pins", "v1", "--variants", "revcol-x", "--work", str(tmp_path / "out"), "--json")
    found, _ = document(place.run(*args, YOLOPATCH_DATA=str(tmp_path / "data")))
    assert (found["ok"], found["cells"][0]["kept"]) == (True, False)


def test_forms_share_a_workspace_and_keep_leaves_it(own):
    run = own.run("--variants", "revcol-x,revcol-bad", "--forms", "all", "--keep", "--json", "--jobs", "2")
    _, cells = document(run)
    assert list(cells) == ["v1 revcol-x detect", "v1 revcol-x aux", "v1 revcol-bad detect", "v1 revcol-bad aux"]
    assert [cell["status"] for cell in cells.values()] == ["ok", "ok", "failed", "failed"]
    assert len({cells["v1 revcol-x detect"]["base"], cells["v1 revcol-x aux"]["base"]}) == 1
    assert len(list((own.folder / "validation/work").iterdir())) == 2
    (edited,) = (own.folder / "validation/work").glob("tiny-v1-revcol-bad-*")
    (edited / "models/net.py").write_text("mine")
    _, cells = document(own.run("--variants", "revcol-bad", "--json"))
    assert "was edited since apply" in cells["v1 revcol-bad detect"]["message"]
    assert (edited / "models/net.py").read_text() == "mine"


def test_a_branch_is_taken_as_it_stands_today(own):
    args = ("--pins", "HEAD", "--variants", "revcol-x", "--json")
    good = (own.tiny.repository / "models/yolo.py").read_text().replace("module(*row)", "module(row)")
    first = own.commit(good, "models/yolo.py")
    found, _ = document(own.run(*args))
    assert (found["ok"], found["cells"][0]["pin"], found["cells"][0]["commit"]) == (True, "HEAD", first)
    assert document(own.run(*args))[0]["cells"][0]["kept"] is True
    broken = own.commit(good.replace("module(row)", "module(*row)"), "models/yolo.py")
    again = own.run(*args)
    cell = document(again)[0]["cells"][0]
    assert (again.returncode, cell["commit"], cell["step"], cell["kept"]) == (1, broken, "apply", False)
    assert "RevCol's patches do not fit YOLOtiny" in cell["message"]
    assert cell["detail"] == ["revcol/register: models/yolo.py, hunk 1 of 1 (line 8)"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--yolo", "tinny"), "no YOLO 'tinny'; did you mean tiny?"),
        (("--pins", "v9"), "upstream has no tag, branch or commit of that name either"),
        (("--pins", "v9", "--origin", "pypi"), "Other commits come from git only"),
        (("--pins", "v1", "--origin", "pypi"), "nothing to validate: pin v1 has no origin pypi"),
        (("--variants", "revcol-y"), "no variant 'revcol-y'"),
        (("--variants", "stock-huge"), "no variant 'stock-huge'"),
        (("--variants", "stock", "--heads", "p2-p5"), "no YOLO has a stock model for that"),
        (("--heads", "p4"), "no head 'p4'"),
        (("--variants", ","), "--variants is empty"),
        (("--level", "everything"), "'everything' is not one of"),
        (("--junit", "no/such/j.xml"), "no/such is no folder"),
        (("--jobs", "0"), "0 is not in the range"),
    ],
)
def test_a_wrong_request_is_one_line_before_anything_starts(place, args, said):
    run = place.run("--variants", "revcol-x", *args, "--work", "wrong")
    assert (run.returncode, run.stdout) == (2, "")
    assert said in run.stderr.splitlines()[-1]
    assert not (place.folder / "wrong").exists()


def test_a_remote_is_of_one_yolo(place, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(place.tiny.data, data)
    shutil.copytree(data / "patches/tiny", data / "patches/other")
    text = (data / "patches/other/upstream.yaml").read_text()
    (data / "patches/other/upstream.yaml").write_text(text.replace("yolo: tiny", "yolo: other"))
    run = place.run("--remote", place.tiny.url, YOLOPATCH_DATA=str(data))
    assert run.returncode == 2
    assert "--remote is one repository" in run.stderr


def test_an_environment_that_fails_for_all_cells_is_exit_code_3(place, tmp_path):
    run = place.run(
        *("--variants", "stock,revcol-x", "--remote", (tmp_path / "none").as_uri(), "--work", str(tmp_path / "out")),
        *("--junit", "e.xml"),
        YOLOPATCH_CACHE=str(tmp_path / "cache"),
    )
    assert run.returncode == 3, run.stdout + run.stderr
    suite = ET.parse(place.folder / "e.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "0", "2")


def test_a_second_one_in_the_same_folder_is_refused(own):
    gate = own.folder / "gate"
    gate.mkdir()
    first = own.start("--variants", "revcol-slow", TEST_GATE=str(gate))
    eventually((gate / "pid").exists)
    second = own.run("--variants", "revcol-x")
    (gate / "open").touch()
    assert first.wait() == 0
    assert second.returncode == 2
    assert "another yolopatch validate is at work in" in second.stderr


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_what_was_stopped_goes_on_with_what_is_missing(own, name):
    gate = own.folder / "gate"
    gate.mkdir()
    args = ("--variants", "revcol-x,revcol-slow", "--jobs", "1", "--junit", "i.xml")
    process = own.start(*args, TEST_GATE=str(gate))
    probe = int(eventually(lambda: (gate / "pid").exists() and (gate / "pid").read_text()))
    process.send_signal(signal.Signals[name])
    out, said = process.communicate(timeout=60)
    eventually(lambda: not runs(probe))
    kept = list((own.folder / "validation/cells").iterdir())
    assert [json.loads(file.read_text())["result"]["status"] for file in kept] == ["ok"]
    if name != "SIGKILL":
        assert process.returncode == 130
        assert "interrupted; the same command goes on" in said.splitlines()[-1]
        assert "1 ok, 0 failed, 1 skipped" in out
        (skipped,) = ET.parse(own.folder / "i.xml").getroot().iter("skipped")
        assert skipped.get("message") == "interrupted"
    (gate / "open").touch()
    again = own.run(*args, "--json", TEST_GATE=str(gate))
    assert again.returncode == 0, again.stdout + again.stderr
    assert [cell["kept"] for cell in document(again)[0]["cells"]] == [True, False]
    assert list((own.folder / "validation/work").iterdir()) == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said(own):
    own.folder.chmod(0o500)
    run = own.run("--variants", "stock")
    own.folder.chmod(0o700)
    assert run.returncode == 3
    assert "name another --work" in run.stderr
