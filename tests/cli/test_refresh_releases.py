"""`yolopatch refresh --to VERSION` on a small package index."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.mini import git


def refresh(run, index, *args):
    return run("refresh", "--yolo", "tiny", "--verify", "none", *args, env=index)


def test_the_patches_of_a_pin_are_carried_to_a_release_and_its_pin_can_be_applied(run, tiny, index, work):
    done = refresh(run, index, "--to", "1.0.2", "--origin", "pypi", "--from", "v1", "--write", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["commit"] is None
    assert found["archive"]["file"] == "tinyyolo-1.0.2-py3-none-any.whl"
    assert set(found["kept"]) == {"compat/say-hello", "revcol/register"}
    pin = next(pin for pin in yaml.safe_load(tiny.upstream_yaml.read_text())["pins"] if pin["name"] == "1.0.2")
    assert pin["origins"]["git"] is False
    assert pin["origins"]["pypi"]["version"] == "1.0.2"
    words = ("apply", "--yolo", "tiny", "--variant", "revcol-x", "--pin", "1.0.2", "--verify", "none")
    applied = run(*words, env=index)
    assert applied.returncode == 0, applied.stderr
    assert "# RevCol" in (work / "yolotiny-revcol-x/models/yolo.py").read_text()
    again = refresh(run, index, "--to", "1.0.2", "--origin", "pypi")
    assert again.returncode == 2
    assert "1.0.2 is a pin of YOLOtiny already" in again.stderr
    near = refresh(run, index, "--to", "1.1.0", "--origin", "pypi", "--json")
    assert near.returncode == 0, near.stderr + near.stdout
    assert json.loads(near.stdout)["from"] == "1.0.2"


def test_a_version_that_git_has_no_tag_of_is_looked_for_in_the_registry(run, tiny, index):
    done = refresh(run, index, "--to", "v1.0.1", "--from", "v1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["pin"] == "1.0.1"
    assert "no tag, branch or commit of that name either; the package registry is asked" in done.stderr
    git(tiny.repository, "tag", "v1.0.1", "main")
    taken = refresh(run, index, "--to", "v1.0.1")
    assert taken.returncode == 2
    assert "v1.0.1 is a pin of YOLOtiny already" in taken.stderr, "git has it, and there it is v2"


def test_a_conflict_stops_as_with_a_commit(run, index, work):
    done = refresh(run, index, "--to", "2.0.0", "--origin", "pypi", "--from", "v1")
    assert done.returncode == 1
    assert "error: revcol/register does not merge: models/yolo.py" in done.stderr
    assert "changed by" not in done.stderr
    skipped = run("refresh", "yolotiny-refresh", "--skip", "--verify", "none", "--json", env=index)
    assert json.loads(skipped.stdout)["skipped"] == ["revcol/register"]
    assert not (work / "yolotiny-refresh").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--to", "3.0.0", "--origin", "pypi"), 2, "no release of tinyyolo in '3.0.0'; there are 1.0.0 to 2.0.1"),
        (("--to", "main", "--origin", "pypi"), 2, "'main' is no release of YOLOtiny"),
        (
            ("--to", "1.0.2", "--origin", "pypi"),
            2,
            "no pin of YOLOtiny is in the package registry; name one with --from",
        ),
        (("--to", "1.0.2", "--origin", "git"), 2, "no tag, branch or commit of that name either"),
    ],
)
def test_a_wrong_request_is_one_line(run, index, work, words, code, said):
    done = refresh(run, index, *words)
    assert done.returncode == code
    assert said in done.stderr.splitlines()[-1]
    assert not (work / "yolotiny-refresh").exists()
