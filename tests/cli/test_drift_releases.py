"""`yolopatch drift --releases` on a small package index."""

from __future__ import annotations

import json

import pytest


def report(run, index, *args):
    done = run("drift", "--yolo", "tiny", "--json", "--releases", *args, env=index)
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def test_each_release_is_tried_and_the_first_bad_one_named(run, index):
    found = report(run, index, "1.0.0..")
    assert found["commits"] == 7  # a candidate is no release
    assert found["covered"] == 5
    register = next(one for one in found["sets"][0]["patches"] if one["name"] == "revcol/register")
    assert [(one["state"], one["first"]) for one in register["runs"]] == [
        ("exact", "1.0.0"),
        ("offset", "1.0.2"),
        ("fails", "2.0.0"),
    ]
    assert register["breaks"][0]["subject"] == "tinyyolo 2.0.0"
    done = run("drift", "--yolo", "tiny", "--releases", "1.0.0..", env=index)
    assert "7 releases, 1.0.0" in done.stdout
    assert "no series fits 2 releases, 2.0.0" in done.stdout


def test_one_in_so_many_and_the_newest_of_each_minor_version(run, index):
    found = report(run, index, "..1.1.1", "--every", "4")
    assert [found["from"]["commit"], found["to"]["commit"], found["commits"]] == ["1.0.0", "1.1.1", 3]
    assert report(run, index, "1.0.1")["commits"] == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--releases", "3.0.."), 2, "no release of tinyyolo in '3.0..'; there are 1.0.0 to 2.0.1"),
        (("--releases", "x..y"), 2, "'x' is no version"),
        (("--releases", "1.0..", "--to", "HEAD"), 2, "leave --from and --to out"),
    ],
)
def test_a_wrong_span_is_one_line(run, index, words, code, said):
    done = run("drift", "--yolo", "tiny", *words, env=index)
    assert done.returncode == code
    assert said in done.stderr.splitlines()[-1]


def test_without_releases_of_its_own_and_without_an_index_it_says_so(run, tiny, index, tmp_path):
    empty = {**index, "PIP_INDEX_URL": (tmp_path / "nothing").as_uri()}
    done = run("drift", "--yolo", "tiny", "--releases", "1.0..", env=empty)
    assert done.returncode == 3
    assert "no package index lists tinyyolo" in done.stderr
    tiny.upstream_yaml.write_text(
        tiny.upstream_yaml.read_text().replace("releases: {project: tinyyolo, layout: own}", "")
    )
    done = run("drift", "--yolo", "tiny", "--releases", "1.0..", env=index)
    assert done.returncode == 2
    assert "has no releases of its own" in done.stderr
