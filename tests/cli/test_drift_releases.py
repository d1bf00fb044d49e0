"""`yolopatch drift --releases` on a small package index."""

from __future__ import annotations

import hashlib
import json
import zipfile

import pytest

from tests.mini import YOLO_PY

MOVED = YOLO_PY.replace("\n\n\ndef", "\n\n\nX = 1\n\n\ndef")
BROKEN = YOLO_PY.replace("module(row)", "module(*row)")
VERSIONS = {
    "1.0.0": YOLO_PY,
    "1.0.1": YOLO_PY,
    "1.0.2": MOVED,
    "1.1.0": MOVED,
    "1.1.1": MOVED,
    "2.0.0": BROKEN,
    "2.0.1": BROKEN,
    "2.1.0rc1": YOLO_PY,
}


@pytest.fixture
def index(tiny, tmp_path):
    """Environment of a user whose package index is a folder with releases of the small upstream."""
    folder = tmp_path / "index" / "tinyyolo"
    folder.mkdir(parents=True)
    links = []
    for version, text in VERSIONS.items():
        file = folder / f"tinyyolo-{version}-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("models/yolo.py", text)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        links.append(f'<a href="{file.as_uri()}#sha256={digest}">{file.name}</a>')
    (folder / "index.html").write_text(f"<html><body>{''.join(links)}</body></html>")
    yaml = tiny.upstream_yaml.read_text()
    own = "releases: {project: tinyyolo, layout: own}\nlayouts: {own: {moves: [{source: models, target: models}]}}\n"
    tiny.upstream_yaml.write_text(yaml.replace("series:\n", f"{own}series:\n", 1))
    return {"PIP_INDEX_URL": folder.parent.as_uri(), "PIP_CONFIG_FILE": "/dev/null"}


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
