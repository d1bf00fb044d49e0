"""Commits become patch files again, and patch files are recognised as commits, by real git."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from yolopatch.errors import RequestError
from yolopatch.series import repository
from yolopatch.series.apply import apply_patches
from yolopatch.series.export import context_of, open_desk
from yolopatch.series.history import commits_between, descends, under_way
from yolopatch.series.patchfile import parse_patch, read_patch

LINES = [f"line {number}" for number in range(1, 41)]
TRAILERS = "\n\nKind: ours\nApplies-to: all\nLicense: GPL-3.0"


def git(folder: Path, *args: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *args]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    repository.create(folder)
    (folder / "a.py").write_text("\n".join(LINES) + "\n")
    repository.commit_all(folder, "base", "2020-01-01")
    return folder


def edit(tree: Path, message: str, old: str, new: str) -> None:
    file = tree / "a.py"
    file.write_text(file.read_text().replace(f"{old}\n", f"{new}\n"))
    git(tree, "commit", "-qam", message)


def last(tree: Path):
    return commits_between(tree, "HEAD~1")[0]


def test_the_history_tells_subject_files_and_author_of_each_commit(tree):
    edit(tree, "first | odd\x1f\x1e subject" + TRAILERS, "line 5", "line five")
    (tree / "b c.py").write_text("x\n")
    git(tree, "add", "b c.py")
    edit(tree, "second", "line 6", "line six")
    first, second = commits_between(tree, "HEAD~2")
    assert (first.subject, first.paths) == ("first | odd\x1f\x1e subject", {"a.py"})
    assert (second.subject, second.paths) == ("second", {"a.py", "b c.py"})
    assert second.parent == first.id
    assert second.stamp.startswith("t <t@localhost> ")
    assert second.tree == repository.tree(tree)
    assert commits_between(tree, "HEAD") == ()
    assert descends(tree, first.id)
    assert not descends(tree, second.id, first.id)
    assert under_way(tree) is None


@pytest.mark.parametrize("context", [1, 2, 3, 7])
def test_a_patch_keeps_its_width_of_context(tree, context):
    edit(tree, "first" + TRAILERS, "line 20", "line twenty")
    with open_desk(tree) as desk:
        data = desk.checked_patch(last(tree), context)
    patch = parse_patch(data, Path("x"))
    assert context_of(patch) == context
    assert len(patch.changes[0].hunks[0].before) == 2 * context + 1
    expected = git(
        tree, "format-patch", "-1", "--zero-commit", "--no-signature", "--full-index", "--no-stat", "--stdout",
        f"-U{context}",
    )  # fmt: skip
    assert data.decode() == expected


def test_the_width_of_a_patch_without_context_is_gits_own(tree):
    (tree / "b.py").write_text("x\n")
    git(tree, "add", "b.py")
    edit(tree, "new file" + TRAILERS, "none", "none")
    with open_desk(tree) as desk:
        assert context_of(parse_patch(desk.checked_patch(last(tree), 3), Path("x"))) == 3
    assert context_of(None) == 3
    git(tree, "rm", "-q", "a.py")
    git(tree, "commit", "-qm", "deleted" + TRAILERS)
    with open_desk(tree) as desk:
        assert context_of(parse_patch(desk.checked_patch(last(tree), 1), Path("x"))) == 3


def test_the_width_at_the_ends_of_a_file_is_that_of_the_wider_side(tree):
    edit(tree, "ends" + TRAILERS, "line 1", "line one")
    with open_desk(tree) as desk:
        assert context_of(parse_patch(desk.checked_patch(last(tree), 2), Path("x"))) == 2


def test_a_patch_gives_a_commit_where_tree_message_and_author_are_those(tree, tmp_path):
    edit(tree, "first\n\nWhy.  \n\n\n\nMore." + TRAILERS, "line 20", "line twenty")
    commit = last(tree)
    with open_desk(tree) as desk:
        good = desk.checked_patch(commit, 3)
        assert desk.gives(good, commit)
        assert desk.gives(desk.patch_of(commit.id, 1), commit)
        # Made on another blob, and for lines further up: applied with an offset it gives the same.
        moved = re.sub(rb"index \w{40}", b"index " + b"1" * 40, good).replace(
            b"@@ -17,7 +17,7 @@", b"@@ -12,7 +12,7 @@"
        )
        assert b"-12,7" in moved
        assert desk.gives(moved, commit)
        for old, new in (
            (b"+line twenty", b"+line 20!"), (b"Why.", b"Wherefore."), (b"[PATCH] first", b"[PATCH] 1st"),
            (b"t@localhost", b"u@localhost"), (b"From: t", b"From: u"), (b"Kind: ours", b"Kind: environment"),
            (b" line 19\n", b" line nineteen\n"), (b"\nDate: ", b"\nDate: Thu, 1 Jan 2015 00:00:00 +0000\nX-Was: "),
            (b"a.py", b"../a.py"),
        ):  # fmt: skip
            assert old in good
            assert not desk.gives(good.replace(old, new), commit), new
        assert not desk.gives(b"", commit)


def test_a_patch_that_git_am_merges_three_way_gives_its_commit(tree):
    edit(tree, "first" + TRAILERS, "line 20", "line twenty")
    patch = tree.parent / "first.patch"
    with open_desk(tree) as desk:
        patch.write_bytes(desk.checked_patch(last(tree), 3))
    git(tree, "reset", "-q", "--hard", "HEAD~1")
    edit(tree, "the context moves", "line 22", "line twenty-two")
    apply_patches(tree, [read_patch(patch)])
    with open_desk(tree) as desk:
        assert desk.gives(patch.read_bytes(), last(tree))


def test_windows_line_endings_and_a_missing_end_of_line_survive(tree):
    (tree / "w.py").write_bytes(b"one\r\ntwo\r\nthree\r\nfour")
    git(tree, "add", "w.py")
    git(tree, "commit", "-qm", "windows" + TRAILERS)
    (tree / "w.py").write_bytes(b"one\r\n2\r\nthree\r\nfive")
    git(tree, "commit", "-qam", "edit" + TRAILERS)
    with open_desk(tree) as desk:
        data = desk.checked_patch(last(tree), 3)
        assert b"+2\r\n" in data
        assert desk.gives(data, last(tree))


def test_trailers_are_added_where_they_are_missing_and_the_commit_stays(tree):
    edit(tree, "first\n\nWhy.\n\nSigned-off-by: t <t@localhost>\nLicense: MIT", "line 20", "line twenty")
    before = repository.head(tree)
    wanted = {"Kind": "ours", "Applies-to": "v1", "License": "GPL-3.0"}
    with open_desk(tree) as desk:
        told = desk.with_trailers(last(tree), wanted)
        patch = parse_patch(desk.checked_patch(told, 3), Path("x"))
        assert desk.with_trailers(told, wanted) == told
        body = desk.patch_of(told.id, 3).decode().split("diff --git")[0]
    assert (patch.kind, patch.applies_to, patch.licence) == ("ours", "v1", "MIT")
    assert "\n\nWhy.\n\nSigned-off-by: t <t@localhost>\nLicense: MIT\nKind: ours\nApplies-to: v1\n" in body
    assert repository.head(tree) == before
    assert subprocess.run(["git", "cat-file", "-e", told.id], cwd=tree, capture_output=True).returncode != 0


def test_the_same_change_elsewhere_is_the_same_change(tree):
    edit(tree, "first" + TRAILERS, "line 20", "line twenty")
    first = last(tree)
    git(tree, "reset", "-q", "--hard", "HEAD~1")
    (tree / "a.py").write_text("top\n" + (tree / "a.py").read_text())
    git(tree, "commit", "-qam", "top")
    git(tree, "cherry-pick", first.id)
    with open_desk(tree) as desk:
        assert desk.same_change(first, last(tree))
        git(tree, "commit", "-q", "--amend", "-m", "first, reworded")
        assert not desk.same_change(first, last(tree))


@pytest.mark.parametrize(
    "message", ["[tag] first", "first\n\nabove\n---\nbelow", "first\n\nFrom: a <a@b>\n\nx", "first\n\ndiff -r x y\n"]
)
def test_a_message_that_does_not_survive_is_refused(tree, message):
    edit(tree, message + TRAILERS, "line 20", "line twenty")
    with open_desk(tree) as desk, pytest.raises(RequestError, match=r"reword it|the header lacks|cannot read"):
        desk.checked_patch(last(tree), 3)


def test_a_subject_in_another_script_can_be_read_from_the_patch(tree):
    subject = "让小目标更重要,并且把主题写得很长很长很长很长很长很长很长很长很长很长"
    edit(tree, subject + TRAILERS, "line 20", "line twenty")
    with open_desk(tree) as desk:
        data = desk.checked_patch(last(tree), 3)
        assert desk.subject_of(data) == subject
        assert desk.gives(data, last(tree))
    assert parse_patch(data, Path("x")).subject == subject
