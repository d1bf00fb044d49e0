"""`yolopatch drift` on a small history with every state in it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.mini import YOLO_PY, git


def commit(tiny, subject, **files):
    """One commit on top of the upstream's main; its id."""
    for name, text in files.items():
        path = tiny.repository / "models" / f"{name}.py"
        if text is None:
            path.unlink()
        else:
            path.write_text(text)
    git(tiny.repository, "add", "-A")
    git(tiny.repository, "commit", "-q", "-m", subject)
    return git(tiny.repository, "rev-parse", "HEAD").strip()


@pytest.fixture
def history(tiny):
    """Names of commits after the two pins: both patches move, the second breaks, the first is in upstream."""
    moved = YOLO_PY.replace("\n\n\ndef", "\n\n\nX = 1\n\n\ndef")
    broken = moved.replace("module(row)", "module(*row)")
    taken = broken.replace("class Model:", "print('hello')\n\n\nclass Model:")
    return {
        "moved": commit(tiny, "move", yolo=moved),
        "elsewhere": commit(tiny, "touch another file", other="x = 1\n"),
        "broken": commit(tiny, "call it otherwise", yolo=broken),
        "taken": commit(tiny, "say hello", yolo=taken),
    }


def report(run, *args):
    done = run("drift", "--yolo", "tiny", "--json", *args)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def patches(found):
    return {one["name"]: one for one in found["sets"][0]["patches"]}


def test_each_patch_has_its_state_at_each_commit_and_the_commit_that_broke_it(tiny, history, run):
    found = report(run)
    assert found["commits"] == 6
    assert found["covered"] == 4
    hello, register = patches(found)["compat/say-hello"], patches(found)["revcol/register"]
    assert [(one["state"], one["commits"]) for one in hello["runs"]] == [("exact", 5), ("upstream", 1)]
    assert register["runs"][1]["first"] == history["moved"]
    assert hello["breaks"] == []
    assert [(one["state"], one["commits"]) for one in register["runs"]] == [("exact", 2), ("offset", 2), ("fails", 2)]
    (broken,) = register["breaks"]
    assert (broken["commit"], broken["subject"]) == (history["broken"], "call it otherwise")
    assert broken["where"] == "models/yolo.py, hunk 1 of 1 (line 8)"
    (gap,) = found["gaps"]
    assert (gap["first"]["commit"], gap["last"]["commit"], gap["commits"]) == (history["broken"], history["taken"], 2)
    assert list(gap["misfits"]) == ["revcol/register"]


def test_what_is_known_is_not_tried_again_and_gives_the_same(tiny, history, run):
    first = report(run)
    # Three versions of the one file to look for the first patch in, four for the second, which fails on two of them;
    # the commit that touches another file asks nothing new, and nothing is asked where a line is missing.
    assert 0 < first["asked"] < 10
    again = report(run, "--offline")
    assert again["asked"] == 0
    assert again["sets"] == first["sets"]


def test_a_change_that_a_merge_can_carry_is_told_from_one_that_it_cannot(tiny, run):
    far = YOLO_PY.replace("    for row in rows:", "    # rows of a YAML\n    for row in rows:")
    commit(tiny, "say what rows are", yolo=far)
    register = patches(report(run))["revcol/register"]
    assert [one["state"] for one in register["runs"]] == ["exact", "3-way"]
    assert register["breaks"][0]["subject"] == "say what rows are"


def test_a_patch_of_the_same_name_in_another_series_stands_in(tiny, history, run):
    folder = tiny.data / "patches" / "tiny"
    text = (folder / "revcol/register.patch").read_text()
    (folder / "revcol-2").mkdir()
    (folder / "revcol-2/register.patch").write_text(text.replace("module(row)", "module(*row)"))
    series = "  - {name: revcol-2, kind: revcol, applies_to: later, patches: [revcol-2/register]}\npins:"
    tiny.upstream_yaml.write_text(tiny.upstream_yaml.read_text().replace("pins:", series))
    found = report(run)
    assert found["covered"] == found["commits"]
    assert patches(found)["revcol/register"]["stand_ins"] == {"revcol-2/register": 2}


def test_a_file_that_is_gone_makes_a_compat_patch_needless_but_not_one_of_ours(tiny, run):
    commit(tiny, "begin anew", yolo=None)
    found = report(run)
    assert patches(found)["compat/say-hello"]["runs"][-1]["state"] == "absent"
    assert patches(found)["revcol/register"]["runs"][-1]["state"] == "fails"
    yaml = tiny.upstream_yaml.read_text()
    tiny.upstream_yaml.write_text(yaml.replace("[revcol/register]}", "[revcol/register], optional: [revcol/register]}"))
    assert patches(report(run))["revcol/register"]["runs"][-1]["state"] == "absent"


def test_the_text_names_breaks_gaps_and_what_was_known(tiny, history, run):
    done = run("drift", "--yolo", "tiny", "-q")
    assert done.returncode == 0
    assert done.stderr == ""
    assert "6 commits" in done.stdout
    assert "series fit 4 of 6 (66.7%)" in done.stdout
    assert f"no series fits 2 commits, {history['broken'][:12]}" in done.stdout
    assert "revcol/register  models/yolo.py, hunk 1 of 1 (line 8)  call it otherwise" in done.stdout


def test_exit_code_tells_whether_the_last_commit_is_served(tiny, history, run):
    assert run("drift", "--yolo", "tiny", "--exit-code").returncode == 1
    assert run("drift", "--yolo", "tiny", "--exit-code", "--to", history["moved"][:8]).returncode == 0


def test_the_pictures_and_junit_show_the_gap(tiny, history, run, work):
    files = ("--picture", "d.svg", "--junit", "d.xml")
    assert run("drift", "--yolo", "tiny", *files).returncode == 0
    svg = ET.parse(work / "d.svg").getroot()
    bars = [bar for bar in svg.iter("{http://www.w3.org/2000/svg}rect") if bar.get("class") == "s-fails"]
    told = [bar.find("{http://www.w3.org/2000/svg}title") for bar in bars]
    assert any(title is not None and "hunk 1 of 1 (line 8)" in title.text for title in told)
    suite = ET.parse(work / "d.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "revcol/register" in suite.find(".//failure").get("message")
    assert run("drift", "--yolo", "tiny", "--picture", "d.html").returncode == 0
    page = (work / "d.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<svg" in page
    assert run("drift", "--yolo", "tiny", "--picture", "d.png").returncode == 2


def test_a_subject_from_a_hostile_history_stays_text(tiny, run, work):
    commit(tiny, "<script>alert(1)</script>", yolo=YOLO_PY.replace("module(row)", "module(*row)"))
    done = run("drift", "--yolo", "tiny", "--picture", "d.html", "--junit", "d.xml")
    assert done.returncode == 0
    assert "<script>" not in (work / "d.html").read_text()
    ET.parse(work / "d.xml")


@pytest.mark.parametrize("name", ["nothing", "--upload-pack=x", "a..b", "HEAD^{/x}", "0" * 40])
def test_an_unknown_revision_is_one_line(tiny, run, name):
    done = run("drift", "--yolo", "tiny", f"--to={name}")
    assert done.returncode == 2
    assert f"no revision '{name}'" in done.stderr.splitlines()[-1]


def test_commits_the_wrong_way_round_are_refused(tiny, history, run):
    done = run("drift", "--yolo", "tiny", "--from", history["taken"], "--to", "v1")
    assert done.returncode == 2
    assert "exchange --from and --to" in done.stderr


def test_a_branch_and_a_tag_are_found_by_name(tiny, history, run):
    git(tiny.repository, "tag", "-a", "-m", "x", "r1", history["moved"])
    git(tiny.repository, "branch", "side/one", history["elsewhere"])
    assert report(run, "--to", "r1")["to"]["commit"] == history["moved"]
    assert report(run, "--to", "side/one")["to"]["commit"] == history["elsewhere"]


def test_a_shallow_mirror_says_that_its_history_is_cut_off(tiny, history, run, tmp_path):
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth=2", tiny.url, str(shallow))
    done = run("drift", "--yolo", "tiny", "--remote", shallow.as_uri())
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: YOLOtiny has no revision 'v1'")
    head = git(shallow, "rev-parse", "HEAD").strip()
    done = run("drift", "--yolo", "tiny", "--remote", shallow.as_uri(), "--from", head, "--to", head)
    assert done.returncode == 3
    assert "name a whole one with --remote" in done.stderr.splitlines()[-1]


def test_a_mirror_that_lacks_files_says_so(tiny, history, run, tmp_path):
    mirror = tmp_path / "mirror.git"
    git(tiny.repository, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--bare", "--no-local", "--filter=blob:none", tiny.url, str(mirror))
    git(mirror, "remote", "remove", "origin")
    done = run("drift", "--yolo", "tiny", "--remote", mirror.as_uri())
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("error:")
    assert "Traceback" not in done.stderr


def test_offline_without_a_history_and_a_dead_remote_say_what_to_do(tiny, run, tmp_path):
    done = run("drift", "--yolo", "tiny", "--offline")
    assert done.returncode == 2
    assert "without --offline" in done.stderr
    done = run("drift", "--yolo", "tiny", "--remote", (tmp_path / "none").as_uri())
    assert done.returncode == 3
    assert "--remote" in done.stderr


def test_a_damaged_result_in_the_cache_is_found_out_anew(tiny, history, run, environment):
    first = report(run)
    (file,) = (Path(environment["YOLOPATCH_CACHE"]) / "histories").glob("*/answers.json")
    for text in ("{", "[]", '{"format": 1, "answers": {"x": 1}}'):
        file.write_text(text)
        assert report(run)["sets"] == first["sets"]


def test_an_interrupt_leaves_a_history_that_goes_on(tiny, environment, run, work):
    for number in range(60):
        commit(
            tiny,
            f"change {number}",
            yolo=YOLO_PY.replace("\n\n\ndef", "\n\n\n" + "# more\n" * (number + 1) + "\n\ndef"),
        )
    process = subprocess.Popen(
        [sys.executable, "-m", "yolopatch", "drift", "--yolo", "tiny"],
        cwd=work,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stderr:
        if line.startswith("trying"):
            time.sleep(0.05)
            process.terminate()
    assert process.wait() in (130, 0)
    found = report(run)
    assert found["commits"] == 62
    assert found["covered"] == 62
