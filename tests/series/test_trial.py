"""Many questions of one index get the answers that each would get alone."""

from __future__ import annotations

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
