"""`yolopatch apply --pin` with a commit, tag or branch of upstream's that is no pin."""

from __future__ import annotations

import json

import pytest

from tests.mini import YOLO_PY, git

MODEL = ("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none")


def commit(tiny, subject, text, date="2024-03-01T12:00:00+0900"):
    (tiny.repository / "models/yolo.py").write_text(text)
    git(tiny.repository, "add", "-A")
    environment = ["-c", f"user.name={subject}"]
    git(tiny.repository, *environment, "commit", "-q", "-m", subject, f"--date={date}")
    return git(tiny.repository, "rev-parse", "HEAD").strip()


@pytest.fixture
def moved(tiny):
    return commit(tiny, "move", YOLO_PY.replace("\n\n\ndef", "\n\n\nX = 1\n\n\ndef"))


def applied(run, *args):
    done = run(*MODEL, "--json", *args)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout), done.stderr


@pytest.mark.parametrize("name", ["id", "short id", "tag", "branch"])
def test_a_commit_between_the_pins_gets_the_series_that_fits(tiny, run, work, moved, name):
    git(tiny.repository, "tag", "-a", "-m", "x", "r3", moved)
    git(tiny.repository, "branch", "side", moved)
    revision = {"id": moved, "short id": moved[:9], "tag": "r3", "branch": "side"}[name]
    made, said = applied(run, "--pin", revision)
    inputs = made["lock"]["inputs"]
    assert inputs["source"]["commit"] == moved
    assert inputs["pin"] == (revision if name in ("tag", "branch") else moved[:12])
    assert inputs["like"] == "v2"
    assert [one["name"] for one in inputs["patches"]] == ["tiny/compat/say-hello.patch", "tiny/revcol/register.patch"]
    assert "is none of the verified pins of YOLOtiny; it gets the patches of v2" in said
    text = (work / "yolotiny-revcol-x/models/yolo.py").read_text()
    assert "# RevCol" in text
    assert "X = 1" in text


def test_it_is_made_the_same_again_and_known_again(tiny, run, work, moved):
    first, _ = applied(run, "--pin", moved)
    second, _ = applied(run, "--pin", moved[:10], "--dest", "other")
    assert first["lock"] == second["lock"]
    again, _ = applied(run, "--pin", moved, "--offline")
    assert again["made"] is False
    assert git(work / "other", "log", "-1", "--format=%cs", second["lock"]["base"]).strip() != "2024-02-01"


def test_a_stand_in_is_taken_and_named_and_a_compat_patch_that_does_not_fit_is_left_out(tiny, run, work):
    folder = tiny.data / "patches/tiny"
    (folder / "revcol-2").mkdir()
    text = (folder / "revcol/register.patch").read_text()
    (folder / "revcol-2/register.patch").write_text(text.replace("module(row)", "module(*row)"))
    series = "  - {name: revcol-2, kind: revcol, applies_to: later, patches: [revcol-2/register]}\npins:"
    tiny.upstream_yaml.write_text(tiny.upstream_yaml.read_text().replace("pins:", series))
    new = commit(
        tiny, "call it otherwise", YOLO_PY.replace("module(row)", "module(*row)").replace("class Model", "class M")
    )
    made, said = applied(run, "--pin", new)
    assert [one["name"] for one in made["lock"]["inputs"]["patches"]] == ["tiny/revcol-2/register.patch"]
    assert "with revcol-2/register" in said
    assert "warning: left out, since it does not apply: compat/say-hello (models/yolo.py, hunk 1 of 1 (line 1))" in said
    assert "# RevCol" in (work / "yolotiny-revcol-x/models/yolo.py").read_text()
    assert json.loads(run("status", "yolotiny-revcol-x", "--json").stdout)["clean"] is True
    exported = run("export", "yolotiny-revcol-x", "--to", "folder")
    assert exported.returncode == 0, exported.stderr


def test_where_ours_do_not_fit_nothing_is_made_and_the_hunk_is_named(tiny, run, work):
    new = commit(tiny, "call it otherwise", YOLO_PY.replace("module(row)", "module(*row)"))
    done = run(*MODEL, "--pin", new)
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    assert lines[-2].startswith(f"error: RevCol's patches do not fit YOLOtiny {new}; yolopatch drift --yolo tiny")
    assert lines[-1] == "revcol/register: models/yolo.py, hunk 1 of 1 (line 8)"
    assert not (work / "yolotiny-revcol-x").exists()
    done = run("apply", "--yolo", "tiny", "--variant", "stock", "--verify", "none", "--pin", new)
    assert done.returncode == 0, done.stderr  # a stock workspace needs none of ours


@pytest.mark.parametrize("name", ["nothing", "..", "-x", "0" * 40, "refs/heads/x"])
def test_a_name_that_upstream_does_not_know_is_one_line(tiny, run, name):
    done = run(*MODEL, f"--pin={name}")
    assert done.returncode in (2, 3)
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
    assert "Traceback" not in done.stderr


def test_another_commit_does_not_come_from_a_package_registry(tiny, run, moved):
    done = run(*MODEL, "--pin", moved, "--origin", "pypi")
    assert done.returncode == 2
    assert "come from git only" in done.stderr
