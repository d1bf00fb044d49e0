"""Many questions of one index get the answers that each would get alone."""

from __future__ import annotations

import subprocess

import pytest

from tests import mini
from tests.mini import git
from yolopatch.series.patchfile import read_patch
from yolopatch.series.trial import Bench, Question


@pytest.fixture
def tiny(tmp_path):
    return mini.make(tmp_path)


def files_at(tiny, commit):
    listing = git(tiny.repository, "ls-tree", "-r", commit, "--", "models/yolo.py").split()
    return (("models/yolo.py", listing[0], listing[2]),)


def test_answers_do_not_depend_on_what_else_is_asked(tiny):
    folder = tiny.data / "patches/tiny"
    hello, register = (read_patch(folder / f"{name}.patch") for name in ("compat/say-hello", "revcol/register"))
    (tiny.repository / "models/yolo.py").write_text("nothing of it\n")
    git(tiny.repository, "commit", "-qam", "other")
    bench = Bench(tiny.repository / ".git")
    first, other = files_at(tiny, tiny.commit), files_at(tiny, "main")
    questions = [
        Question(hello, "apply", first),
        Question(hello, "merge", other),
        Question(register, "apply", first),
        Question(hello, "there", first),
        Question(hello, "apply", other),
        Question(hello, "apply", ()),
    ]
    together = bench.ask(questions)
    assert together == [bench.ask([question])[0] for question in questions]
    assert [answer.yes for answer in together] == [True, False, True, False, False, False]
    assert together[2].offset  # it was made three lines further down
    assert together[5].why == "models/yolo.py: does not exist"
    patched = git(tiny.repository, "cat-file", "blob", together[0].files[0][2])
    assert patched.startswith("print('hello')")
    assert bench.ask([Question(hello, "there", together[0].files)])[0].yes
    assert git(tiny.repository, "status", "--porcelain") == ""


def test_what_patches_made_serves_a_merge(tiny):
    folder = tiny.data / "patches/tiny"
    register = read_patch(folder / "revcol/register.patch")
    moved = mini.YOLO_PY.replace("    for row", "    # rows\n    for row")
    (tiny.repository / "models/yolo.py").write_text(moved)
    git(tiny.repository, "commit", "-qam", "other")
    bench = Bench(tiny.repository / ".git")
    files = files_at(tiny, "main")
    assert not bench.ask([Question(register, "apply", files)])[0].yes
    merged = bench.ask([Question(register, "merge", files)])[0]
    assert merged.yes
    text = git(tiny.repository, "cat-file", "blob", merged.files[0][2])
    assert "# rows" in text
    assert "# RevCol" in text


def test_nothing_is_written_beside_the_index(tiny, tmp_path, monkeypatch):
    git(tiny.repository, "checkout", "-q", "-b", "new", tiny.commit)
    (tiny.repository / "models/extra.py").write_text("ours = 1\n")
    git(tiny.repository, "add", "-A")
    git(tiny.repository, "commit", "-qm", "Add a file\n\nKind: ours\nApplies-to: v1\nLicense: MIT\n")
    words = ("-1", "--zero-commit", "--no-signature", "--full-index", "--no-stat", "--stdout")
    file = tmp_path / "new.patch"
    file.write_text(git(tiny.repository, "format-patch", *words))
    patch = read_patch(file)
    theirs = "theirs = 1\n" * 3
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=tiny.repository, input=theirs, capture_output=True, text=True
    ).stdout.strip()
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    before = sorted(path for path in tmp_path.rglob("*") if ".git" not in path.parts)
    files = (("models/extra.py", "100644", blob),)
    bench = Bench(tiny.repository / ".git")
    answers = bench.ask([Question(patch, how, files) for how in ("apply", "merge", "there")])
    assert [answer.yes for answer in answers] == [False, False, False]
    assert bench.ask([Question(patch, "merge", ())])[0].yes
    assert sorted(path for path in tmp_path.rglob("*") if ".git" not in path.parts) == before
