"""The module that runs git."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from yolopatch import git
from yolopatch.errors import EnvironmentFailed


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    git.run(["init", "-q", folder])
    (folder / "a.txt").write_text("a\n")
    git.run(["add", "a.txt"], cwd=folder)
    return folder


def _commit(folder: Path) -> str:
    date = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00+0000", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00+0000"}
    git.run(["commit", "-q", "-m", "x"], cwd=folder, env=date)
    return git.run(["rev-parse", "HEAD"], cwd=folder).stdout.strip()


def test_same_inputs_give_the_same_commit_id(tmp_path: Path, repository: Path, home: Path) -> None:
    first = _commit(repository)
    (home / ".gitconfig").write_text("[user]\n name = Someone\n email = s@x\n[commit]\n gpgSign = true\n")
    other = tmp_path / "other"
    git.run(["init", "-q", other])
    (other / "a.txt").write_text("a\n")
    git.run(["add", "a.txt"], cwd=other)
    assert _commit(other) == first


def test_hooks_and_templates_of_the_user_do_not_run(tmp_path: Path, home: Path) -> None:
    marker = tmp_path / "ran"
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    for name in ("pre-commit", "post-commit", "commit-msg"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch '{marker}'\n")
        (hooks / name).chmod(0o755)
    (home / ".gitconfig").write_text(f"[init]\n templateDir = {hooks.parent}\n[core]\n hooksPath = {hooks}\n")
    folder = tmp_path / "repo"
    git.run(["init", "-q", folder], user_config=True)
    assert not (folder / ".git" / "hooks").exists()
    (folder / "a.txt").write_text("a\n")
    git.run(["add", "a.txt"], cwd=folder)
    _commit(folder)
    git.run(["commit", "-q", "--allow-empty", "-m", "y"], cwd=folder, user_config=True)
    assert not marker.exists()


def test_stray_variables_are_ignored_and_left_in_place(
    tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    monkeypatch.setenv("GIT_WORK_TREE", "/")
    assert _commit(repository)
    assert os.environ["GIT_DIR"] == str(tmp_path / "elsewhere")
    assert not (tmp_path / "index").exists()


def test_global_ignore_and_attributes_do_not_count(repository: Path, home: Path) -> None:
    (home / ".config" / "git").mkdir(parents=True)
    (home / ".config" / "git" / "ignore").write_text("*.py\n")
    (home / ".config" / "git" / "attributes").write_text("* text eol=crlf\n")
    (repository / "b.py").write_bytes(b"x\r\n")
    git.run(["add", "-A"], cwd=repository)
    assert git.run_bytes(["cat-file", "blob", ":b.py"], cwd=repository).stdout == b"x\r\n"


def test_an_error_is_one_line_of_git(repository: Path) -> None:
    with pytest.raises(git.GitError, match=r"^git log: ambiguous argument 'nothing'"):
        git.run(["log", "nothing"], cwd=repository)
    assert git.run(["log", "nothing"], cwd=repository, check=False).status == 128


def test_passwords_do_not_appear_in_messages() -> None:
    line = git.shorten("fatal: unable to access 'https://me:secret@host/x': Could not resolve host: host")
    assert "secret" not in line
    assert "https://host/x" in line


def test_the_telling_line_is_chosen_over_the_vague_one() -> None:
    text = "ssh: connect to host h port 22: Connection refused\nfatal: Could not read from remote repository.\n"
    assert git.shorten(text).startswith("ssh: connect to host")


def test_input_and_bytes_go_through_unchanged(repository: Path) -> None:
    data = bytes(range(256)) * 1000
    blob = git.run(["hash-object", "-w", "--stdin"], cwd=repository, input=data).stdout.strip()
    assert git.run_bytes(["cat-file", "blob", blob], cwd=repository).stdout == data


def test_a_slow_command_is_ended_with_all_its_children(repository: Path) -> None:
    started = time.monotonic()
    with pytest.raises(git.GitTimeout):
        git.run(["-c", "alias.wait=!sleep 30", "wait"], cwd=repository, timeout=0.3)
    assert time.monotonic() - started < 5


def test_without_git_the_error_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    git.require_git.cache_clear()
    try:
        with pytest.raises(EnvironmentFailed, match="git is not installed"):
            git.run(["version"])
    finally:
        git.require_git.cache_clear()


def test_an_old_git_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\necho git version 2.17.1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    git.require_git.cache_clear()
    try:
        with pytest.raises(EnvironmentFailed, match=r"git 2\.17\.1 is too old"):
            git.run(["version"])
    finally:
        git.require_git.cache_clear()


def test_a_folder_that_is_not_there_is_never_replaced_by_the_present_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        git.run(["init", "-q"], cwd=tmp_path / "absent")
