"""Patches are applied by real git to real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from yolopatch.errors import CheckFailed
from yolopatch.series import repository
from yolopatch.series.apply import apply_patches
from yolopatch.series.patchfile import read_patch

LINES = [f"line {number}" for number in range(1, 31)]


def git(folder: Path, *args: str, env: dict[str, str] | None = None) -> str:
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


def make_patch(tree: Path, out: Path, name: str, old: str, new: str) -> Path:
    """A patch that changes one line, made by a real commit that is then taken back."""
    file = tree / "a.py"
    file.write_text(file.read_text().replace(f"{old}\n", f"{new}\n"))
    git(tree, "commit", "-qam", f"{name}\n\nKind: ours\nApplies-to: all\nLicense: GPL-3.0")
    text = git(tree, "format-patch", "-1", "--zero-commit", "--no-signature", "--full-index", "--stdout")
    out.mkdir(exist_ok=True)
    (out / f"{name}.patch").write_text(text)
    return out / f"{name}.patch"


@pytest.fixture
def patches(tree: Path, tmp_path: Path) -> list[Path]:
    made = [
        make_patch(tree, tmp_path / "p", "first", "line 5", "line five"),
        make_patch(tree, tmp_path / "p", "second", "line 20", "line twenty"),
    ]
    git(tree, "reset", "-q", "--hard", "HEAD~2")
    return made


def test_one_commit_a_patch_and_the_same_ids_twice(tree, patches):
    base = repository.head(tree)
    apply_patches(tree, [read_patch(file) for file in patches])
    first = repository.head(tree)
    assert git(tree, "log", "--format=%s", f"{base}..HEAD").splitlines() == ["second", "first"]
    repository.reset(tree, base)
    apply_patches(tree, [read_patch(file) for file in patches])
    assert repository.head(tree) == first


def test_a_patch_applies_at_an_offset(tree, patches):
    (tree / "a.py").write_text("\n".join(["new"] * 7 + LINES) + "\n")
    repository.commit_all(tree, "moved", "2020-01-02")
    apply_patches(tree, [read_patch(file) for file in patches])
    assert "line five" in (tree / "a.py").read_text()


def test_a_patch_whose_context_moved_is_merged_three_way(tree, patches):
    # The blob that the patch was made on is in the repository, as it is after a fetch of that commit.
    text = (tree / "a.py").read_text().replace("line 7\n", "line seven\n")
    (tree / "a.py").write_text(text)
    repository.commit_all(tree, "context changed", "2020-01-02")
    apply_patches(tree, [read_patch(file) for file in patches])
    assert {"line five", "line seven", "line twenty"} <= set((tree / "a.py").read_text().splitlines())


def test_a_patch_that_does_not_apply_names_file_and_hunk_and_shows_what_was_found(tree, patches):
    (tree / "a.py").write_text((tree / "a.py").read_text().replace("line 20\n", "line 20, changed upstream\n"))
    repository.commit_all(tree, "upstream moved on", "2020-01-02")
    with pytest.raises(CheckFailed) as caught:
        apply_patches(tree, [read_patch(file) for file in patches])
    assert "'second' (second.patch) does not apply: a.py, hunk 1 of 1 (line 17)" in str(caught.value)
    assert "    | line 20\n" in caught.value.detail
    assert "  20| line 20, changed upstream" in caught.value.detail
    assert not (tree / ".git" / "rebase-apply").exists()


def test_a_patch_for_a_file_that_is_not_there_says_so(tree, patches):
    (tree / "a.py").unlink()
    (tree / "b.py").write_text("other\n")
    repository.commit_all(tree, "rewritten", "2020-01-02")
    with pytest.raises(CheckFailed, match=r"'first'.*a\.py is not in this upstream tree"):
        apply_patches(tree, [read_patch(patches[0])])


def test_the_users_configuration_and_hooks_do_not_matter(tree, patches, tmp_path, monkeypatch):
    home = tmp_path / "home"
    hooks = home / "hooks"
    hooks.mkdir(parents=True)
    marker = tmp_path / "hook-ran"
    for name in ("pre-commit", "post-applypatch", "applypatch-msg", "commit-msg"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(
        f"[core]\n\thooksPath = {hooks}\n\tautocrlf = true\n[commit]\n\tgpgSign = true\n"
        "[user]\n\tname = Somebody\n\temail = s@localhost\n[am]\n\tthreeWay = false\n[diff]\n\tnoprefix = true\n"
    )
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "Stray")
    apply_patches(tree, [read_patch(file) for file in patches])
    (tree / "c.py").write_text("x\n")
    repository.commit_all(tree, "more", "2020-01-03")
    assert not marker.exists()
    monkeypatch.delenv("GIT_DIR")
    assert set(git(tree, "log", "--format=%an").split()) <= {"yolopatch", "t"}
    assert b"\r" not in (tree / "a.py").read_bytes()


def test_a_gitattributes_of_upstream_does_not_touch_line_endings(tree):
    (tree / ".gitattributes").write_text("* text=auto\n*.txt ident\n")
    (tree / "windows.txt").write_bytes(b"one\r\ntwo $Id$\r\n")
    repository.commit_all(tree, "crlf", "2020-01-02")
    assert subprocess.check_output(["git", "cat-file", "blob", "HEAD:windows.txt"], cwd=tree) == b"one\r\ntwo $Id$\r\n"


def test_changes_tell_edited_and_new_files_apart(tree):
    (tree / "a.py").write_text("edited\n")
    (tree / "b.py").write_text("new\n")
    changes = repository.changes(tree)
    assert changes.edited == ("a.py",)
    assert changes.new == ("b.py",)
