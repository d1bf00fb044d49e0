"""What is foreseen agrees with what git says."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.mini import git
from yolopatch.series.foresight import Foresight
from yolopatch.series.patchfile import parse_patch
from yolopatch.series.trial import Bench, Question

TRAILERS = "\n\nKind: ours\nApplies-to: v1\nLicense: MIT\n"
LINES = st.lists(st.sampled_from(["a", "b", "c", "", "  d", "e\r"]), min_size=1, max_size=9)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("r")
    git(folder, "init", "-q", ".")
    git(folder, "config", "core.autocrlf", "false")
    return folder


def blob(folder, text):
    done = subprocess.run(
        ["git", "hash-object", "-w", "--stdin", "--no-filters"], cwd=folder, input=text.encode(), capture_output=True
    )
    return done.stdout.decode().strip()


def patch_of(folder, old, new):
    """A patch from one text to the other, or None where they are equal."""
    ids = [blob(folder, text) for text in (old, new)]
    if ids[0] == ids[1]:
        return None
    git(folder, "read-tree", "--empty")
    trees = []
    for one in ids:
        git(folder, "update-index", "--add", "--cacheinfo", f"100644,{one},f.py")
        trees.append(git(folder, "write-tree").strip())
    first = git(folder, "commit-tree", trees[0], "-m", "old").strip()
    second = git(folder, "commit-tree", trees[1], "-p", first, "-m", f"Change{TRAILERS}").strip()
    words = ["git", "format-patch", "-1", second, "--zero-commit", "--no-signature", "--full-index", "--no-stat"]
    data = subprocess.run([*words, "--stdout"], cwd=folder, capture_output=True, check=True).stdout
    file = folder / "p.patch"
    file.write_bytes(data)
    return parse_patch(data, file)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=LINES, new=LINES, seen=LINES)
def test_what_git_applies_was_never_foreseen_to_fail(place, old, new, seen):
    patch = patch_of(place, "\n".join(old) + "\n", "\n".join(new) + "\n")
    if patch is None:
        return
    text = "\n".join(seen) + "\n"
    files = (("f.py", "100644", blob(place, text)),)
    foresight = Foresight([patch])
    foresight.learn(files[0][2], text.encode())
    bench = Bench(place / ".git")
    applies, there = bench.ask([Question(patch, "apply", files), Question(patch, "there", files)])
    if applies.yes:
        assert foresight.why_not(patch, files) is None
    if there.yes:
        assert foresight.may_be_there(patch, files)


def test_the_file_and_the_hunk_that_cannot_be_found_are_named(place):
    old = [f"line {number}" for number in range(30)]
    new = ["changed" if line in ("line 3", "line 25") else line for line in old]
    patch = patch_of(place, "\n".join(old) + "\n", "\n".join(new) + "\n")
    text = "\n".join(old).replace("line 25", "other")
    foresight = Foresight([patch])
    foresight.learn("1" * 40, text.encode())
    assert foresight.why_not(patch, (("f.py", "100644", "1" * 40),)) == "f.py, hunk 2 of 2 (line 23)"
    assert foresight.why_not(patch, ()) == "f.py: does not exist"
    assert foresight.why_not(patch, (("f.py", "100644", "2" * 40),)) is None  # not looked through
