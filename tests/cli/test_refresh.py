"""`yolopatch refresh`: patches carried to another commit, conflicts, and kills at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.mini import YOLO_PY, git

FAR = YOLO_PY.replace("    for row in rows:", "    # rows of a YAML\n    for row in rows:")
OTHER = YOLO_PY.replace("module(row)", "module(*row)")
KILLS = int(os.environ.get("YOLOPATCH_TEST_KILLS", "6"))
SERIES = {"compat/say-hello", "revcol/register"}


def commit(tiny, subject, text):
    (tiny.repository / "models/yolo.py").write_text(text)
    git(tiny.repository, "commit", "-qam", subject)
    return git(tiny.repository, "rev-parse", "HEAD").strip()


def begin(run, commit, *args, **kwargs):
    return run("refresh", "--yolo", "tiny", "--to", commit, "--verify", "none", *args, **kwargs)


def pins(tiny):
    return {pin["name"]: pin for pin in yaml.safe_load(tiny.upstream_yaml.read_text())["pins"]}


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("[!.]*")) if path.is_file()}


def test_what_merges_is_written_with_new_context_and_the_pin_can_be_applied(tiny, run, work):
    new = commit(tiny, "say what rows are", FAR)
    git(tiny.repository, "tag", "r3")
    done = begin(run, "r3", "--write", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kept"] == ["compat/say-hello"]
    assert found["new"] == ["revcol-r3/register"]
    assert not (work / "yolotiny-refresh").exists()
    pin = pins(tiny)["r3"]
    assert (pin["commit"], pin["series"]) == (new, ["compat", "revcol-r3"])
    text = (tiny.data / "patches/tiny/revcol-r3/register.patch").read_text()
    assert "Applies-to: r3\n" in text
    assert " # rows of a YAML" in text
    assert "Kind: ours" in text
    applied = run("apply", "--yolo", "tiny", "--variant", "revcol-x", "--pin", "r3", "--verify", "none")
    assert applied.returncode == 0, applied.stderr
    assert "# RevCol" in (work / "yolotiny-revcol-x/models/yolo.py").read_text()
    exported = run("export", "yolotiny-revcol-x", "--to", str(tiny.data / "patches"))
    assert exported.returncode == 0
    assert "2 unchanged" in exported.stdout
    assert run("refresh", "--yolo", "tiny", "--to", new).returncode == 2  # it is a pin now


def test_without_write_the_entry_is_shown_and_upstream_yaml_is_as_it_was(tiny, run):
    new = commit(tiny, "say what rows are", FAR)
    before = tiny.upstream_yaml.read_text()
    done = begin(run, new[:10])
    assert done.returncode == 0, done.stderr
    assert tiny.upstream_yaml.read_text() == before
    assert f"  - name: revcol-{new[:12]}\n    kind: revcol\n" in done.stdout
    assert f"    commit: {new}\n" in done.stdout
    assert (tiny.data / f"patches/tiny/revcol-{new[:12]}/register.patch").is_file()


def test_patches_that_do_as_they_are_need_no_series_of_their_own(tiny, run):
    commit(tiny, "move", YOLO_PY.replace("\n\n\ndef", "\n\n\nX = 1\n\n\ndef"))
    git(tiny.repository, "tag", "r3")
    before = set((tiny.data / "patches/tiny").rglob("*.patch"))
    assert begin(run, "r3", "--write").returncode == 0
    assert pins(tiny)["r3"]["series"] == ["compat", "revcol"]
    assert set((tiny.data / "patches/tiny").rglob("*.patch")) == before


def test_a_change_that_upstream_has_is_dropped(tiny, run):
    commit(tiny, "say hello", YOLO_PY.replace("class Model:", "print('hello')\n\n\nclass Model:"))
    git(tiny.repository, "tag", "r3")
    done = begin(run, "r3", "--write", "--json")
    assert json.loads(done.stdout)["dropped"] == ["compat/say-hello"]
    assert pins(tiny)["r3"]["series"] == ["revcol"]


def test_a_patch_of_another_series_that_fits_as_it_is_needs_no_new_one(tiny, run):
    commit(tiny, "say what rows are", FAR)
    git(tiny.repository, "tag", "r3")
    assert begin(run, "r3", "--write").returncode == 0
    commit(tiny, "move", FAR.replace("\n\n\ndef", "\n\n\nX = 1\n\n\ndef"))
    git(tiny.repository, "tag", "r4")
    before = set((tiny.data / "patches/tiny").rglob("*.patch"))
    done = begin(run, "r4", "--from", "v1", "--write", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stand_ins"] == {"revcol/register": "revcol-r3/register"}
    assert pins(tiny)["r4"]["series"] == ["compat", "revcol-r3"]
    assert set((tiny.data / "patches/tiny").rglob("*.patch")) == before
    nearest = begin(run, git(tiny.repository, "commit-tree", "r4^{tree}", "-p", "r4", "-m", "x").strip(), "--json")
    assert json.loads(nearest.stdout)["from"] in ("r3", "r4")


@pytest.fixture
def stopped(tiny, run, work):
    """A refresh that waits at its second patch."""
    commit(tiny, "nothing of it", YOLO_PY.replace("class Model", "class M"))
    new = commit(tiny, "call it otherwise", OTHER.replace("class Model:", "class Model(object):"))
    git(tiny.repository, "tag", "r3")
    before = snapshot(tiny.data)
    done = begin(run, "r3")
    assert done.returncode == 1
    return work / "yolotiny-refresh", done.stderr, before, new


def test_a_conflict_names_patch_file_hunk_and_who_changed_the_lines(stopped, tiny):
    folder, said, before, new = stopped
    assert "error: compat/say-hello does not merge: models/yolo.py" in said
    assert "  models/yolo.py, hunk 1 of 1 (line 1)" in said
    assert f"    changed by {new[:7]}" in said
    assert "call it otherwise" in said
    assert f"yolopatch refresh {folder.name} --continue" in said
    assert "<<<<<<<" in (folder / "models/yolo.py").read_text()
    assert snapshot(tiny.data) == before


def resolve(folder):
    path = folder / "models/yolo.py"
    lines = path.read_text().splitlines(keepends=True)
    kept, side = [], None
    for line in lines:
        if line.startswith(("<<<<<<<", "|||||||", "=======", ">>>>>>>")):
            side = {"<": "ours", "|": "base", "=": "theirs", ">": None}[line[0]]
        elif side in (None, "theirs"):
            kept.append(line)
    path.write_text("".join(kept))
    git(folder, "add", "-A")


def test_it_goes_on_when_conflicts_are_resolved_and_not_before(stopped, run, tiny):
    folder, _, _, new = stopped
    early = run("refresh", str(folder), "--continue", "--verify", "none")
    assert early.returncode == 2
    assert "not resolved yet: models/yolo.py" in early.stderr
    git(folder, "add", "-A")
    marked = run("refresh", str(folder), "--continue", "--verify", "none")
    assert marked.returncode == 2
    assert "conflict markers are left in models/yolo.py" in marked.stderr
    resolve(folder)
    second = run("refresh", str(folder), "--continue", "--verify", "none", "--write")
    assert second.returncode == 1
    assert "revcol/register does not merge" in second.stderr
    resolve(folder)
    done = run("refresh", str(folder), "--continue", "--verify", "none", "--write", "--json")
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["new"]) == {"compat-r3/say-hello", "revcol-r3/register"}
    assert pins(tiny)["r3"]["commit"] == new
    applied = run("apply", "--yolo", "tiny", "--variant", "revcol-x", "--pin", "r3", "--verify", "none")
    assert applied.returncode == 0, applied.stderr


def test_skip_leaves_a_patch_out_and_abort_leaves_nothing(stopped, run, tiny):
    folder, _, before, _ = stopped
    second = run("refresh", str(folder), "--skip", "--verify", "none")
    assert second.returncode == 1
    assert run("refresh", str(folder), "--abort").returncode == 0
    assert not folder.exists()
    assert snapshot(tiny.data) == before
    assert begin(run, "r3").returncode == 1
    assert run("refresh", str(folder), "--skip", "--verify", "none").returncode == 1
    done = run("refresh", str(folder), "--skip", "--verify", "none", "--json")
    assert set(json.loads(done.stdout)["skipped"]) == SERIES


def test_another_command_on_a_waiting_refresh_says_what_it_is(stopped, run):
    folder, *_ = stopped
    for words in (("status",), ("verify",), ("revert",), ("export",)):
        done = run(*words, str(folder))
        assert done.returncode == 2, words
        assert "a refresh is under way here" in done.stderr
    again = begin(run, "r3")
    assert again.returncode == 2
    assert "a refresh is under way in" in again.stderr
    assert run("apply", "--yolo", "tiny", "--variant", "stock", "--dest", str(folder)).returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--yolo", "tiny"), "--to is missing"),
        (("--to", "v2"), "--yolo is missing"),
        (("--yolo", "tiny", "--to", "v2", "--continue"), "give DIR alone"),
        (("--continue", "--skip"), "give one of"),
        (("--continue",), "no refresh is under way"),
        (("folder",), "say how to go on"),
        (("--yolo", "tiny", "--to", "nothing"), "no tag, branch or commit"),
        (("--yolo", "tiny", "--to", "main"), "main is a pin of YOLOtiny already"),
    ],
)
def test_a_wrong_request_is_one_line(tiny, run, words, said):
    done = run("refresh", *words)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]


def test_a_commit_that_is_no_patch_is_refused_until_it_is_squashed(stopped, run):
    folder, *_ = stopped
    resolve(folder)
    assert run("refresh", str(folder), "--continue", "--verify", "none").returncode == 1
    resolve(folder)
    git(folder, "cherry-pick", "--continue", "--no-edit")
    (folder / "models/new.py").write_text("x = 2\n")
    git(folder, "commit", "-qam", "by the way")
    done = run("refresh", str(folder), "--continue", "--verify", "none")
    assert done.returncode == 2
    assert "'by the way' belongs to no patch" in done.stderr
    git(folder, "reset", "-q", "--soft", "HEAD~1")
    git(folder, "commit", "-q", "--amend", "--no-edit")
    assert run("refresh", str(folder), "--continue", "--verify", "none").returncode == 0


def test_a_kill_at_any_moment_loses_nothing(tiny, run, work, environment):
    """Killed again and again, a refresh comes to what one does that is left alone."""
    commit(tiny, "say what rows are", FAR)
    git(tiny.repository, "tag", "r3")
    start = snapshot(tiny.data)
    began = time.monotonic()
    assert begin(run, "r3", "--write").returncode == 0
    whole = time.monotonic() - began
    wanted = snapshot(tiny.data)
    chance = random.Random(0)
    kills = 0
    while kills < KILLS:
        _restore(tiny.data, start)
        command = ("refresh", "--yolo", "tiny", "--to", "r3", "--verify", "none", "--write")
        for _ in range(60):
            killed = _killed(command, work, environment, chance.uniform(0.1, 1.5 * whole))
            kills += killed
            if not killed and snapshot(tiny.data) == wanted:
                break
            under_way = (work / "yolotiny-refresh/.git/yolopatch-refresh.json").exists()
            if under_way:
                command = ("refresh", "yolotiny-refresh", "--continue", "--verify", "none", "--write")
            elif snapshot(tiny.data) == wanted:
                break
            else:
                command = ("refresh", "--yolo", "tiny", "--to", "r3", "--verify", "none", "--write")
        assert snapshot(tiny.data) == wanted
        assert not (work / "yolotiny-refresh").exists()


def _killed(command, work, environment, seconds):
    process = subprocess.Popen(
        [sys.executable, "-m", "yolopatch", *command, "-q"], cwd=work, env=environment, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.stderr.read()
    return process.wait() == -signal.SIGKILL


def _restore(folder: Path, files) -> None:
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        if path.relative_to(folder) not in files:
            path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def test_a_name_that_yaml_would_take_for_a_number_stays_a_name(tiny, run):
    commit(tiny, "say what rows are", FAR)
    before = tiny.upstream_yaml.read_text()
    for name in ("20240101", "1.0", "1e5"):
        tiny.upstream_yaml.write_text(before)
        git(tiny.repository, "tag", name)
        done = begin(run, name, "--write")
        assert done.returncode == 0, done.stderr
        assert pins(tiny)[name]["series"][-1] == f"revcol-{name}"
