"""`yolopatch drift --build` on a small upstream whose models are really built."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from tests.mini import TRAILERS, YOLO_PY, git
from tests.validation import small


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two commits at which all is well, one that RevCol's patch does not fit, one at which nothing works."""
    made = small.make(tmp_path_factory.mktemp("drift"))
    made.commit("raise RuntimeError('nothing works')\n", "models/net.py")
    return made


def drift(place, *args):
    command = [*place.command()[:3], "drift", "--yolo", "tiny", "--from", "v1", "--build", "--level", "build", *args]
    return subprocess.run(command, cwd=place.folder, env=place.variables, capture_output=True, text=True)


def builds(place, *args):
    done = drift(place, "--json", *args)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)["builds"]


def test_each_commits_model_is_built_and_where_it_is_not_upstreams_own_is(place):
    found = builds(place, "--variant", "revcol-x")
    assert [one["state"] for one in found] == ["runs", "runs", "no-series", "stock-fails"]
    assert found[3]["why"] == "build: RuntimeError: nothing works"
    assert [one["left_out"] for one in found] == [[], [], [], []]


def test_a_model_that_fails_where_upstreams_own_does_not_is_told_apart(place):
    found = builds(place, "--variant", "revcol-bad", "--jobs", "1")
    assert [one["state"] for one in found] == ["fails", "fails", "no-series", "stock-fails"]
    assert found[0]["why"].startswith("build: ValueError: ")


def test_what_was_built_is_known_and_the_table_counts_only_commits_whose_own_model_runs(place):
    builds(place, "--variant", "revcol-x")
    done = drift(place, "--variant", "revcol-x", "--offline")
    assert done.returncode == 0
    assert "building" not in done.stderr
    assert "the model runs at 2 of 3 (66.7%) of the commits whose own model runs" in done.stdout
    assert "upstream's own does not run at 1" in done.stdout
    assert "stock-fails  1        build: RuntimeError: nothing works" in done.stdout


def test_a_file_that_only_another_set_patches_is_in_the_tree(tmp_path):
    made = small.make(tmp_path)
    made.commit(YOLO_PY, "models/yolo.py")
    made.commit("x = 1\n", "models/extra.py")
    first = made.commit("from models import extra\n\nassert extra\n" + small.NET, "models/net.py")
    (made.tiny.repository / "models/extra.py").write_text("x = 2\n")
    git(made.tiny.repository, "commit", "-qam", "Say two" + TRAILERS)
    patch = git(made.tiny.repository, "format-patch", "-1", "--zero-commit", "--no-signature", "--no-stat", "--stdout")
    git(made.tiny.repository, "reset", "-q", "--hard", first)
    folder = made.tiny.data / "patches/tiny/revcol-2"
    folder.mkdir()
    (folder / "extra.patch").write_text(patch)
    yaml = made.tiny.upstream_yaml.read_text()
    series = "  - {name: revcol-2, kind: revcol, applies_to: v4, patches: [revcol-2/extra]}\n"
    pin = f"  - {{name: v4, commit: {first}, date: 2024-01-15, series: [compat, revcol, revcol-2]}}\n"
    made.tiny.upstream_yaml.write_text(yaml.replace("pins:\n", f"{series}pins:\n{pin}", 1))
    found = builds(made, "--from", first, "--variant", "revcol-x")
    assert [(one["state"], one["why"]) for one in found] == [("runs", "")]


def test_while_models_are_built_others_may_use_the_history(place, tmp_path):
    command = [*place.command()[:3], "drift", "--yolo", "tiny", "--from", "v1", "--to", "v1"]
    build = [*command, "--build", "--level", "build", "--variant", "revcol-slow"]
    process = subprocess.Popen(
        build, cwd=place.folder, env={**place.variables, "TEST_GATE": str(tmp_path)}, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 300
        while not (tmp_path / "pid").exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        other = subprocess.run(
            command, cwd=place.folder, env=place.variables, capture_output=True, text=True, timeout=300
        )
        assert other.returncode == 0
        assert "waiting" not in other.stderr
        assert process.poll() is None
    finally:
        (tmp_path / "open").touch()
        assert process.wait(300) == 0
