"""Which paths may be written into a tree."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolopatch.errors import RequestError
from yolopatch.paths import refuse_collisions, safe_tree_path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../b",
        "a//b",
        "./a",
        "a/.",
        "C:/x",
        "c:x",
        "a:b",
        "a\\b",
        "a\0b",
        "a\nb",
        ".git/config",
        "a/.GIT/hooks/x",
        ".git",
        ".git /x",
        ".git./x",
        ".g\u200cit/x",
        "\uff0egit/x",
        ".ｇｉｔ/x",
        "GIT~1/config",
        "sub/git~2/x",
        ".git::$INDEX_ALLOCATION/x",
        "‥/x",
        "a/．．/b",
        "a\udcff",
        "x" * 256,
        "name./x",
    ],
)
def test_paths_that_leave_the_tree_or_hide_are_refused(path: str) -> None:
    with pytest.raises(RequestError, match="refused path"):
        safe_tree_path(path)


@pytest.mark.parametrize("path", ["a", ".github/workflows/ci.yml", ".gitignore", "a b/c.py", "models/ä.py", "aux.py"])
def test_ordinary_paths_pass(path: str) -> None:
    assert safe_tree_path(path) == path


@pytest.mark.parametrize(
    "paths",
    [
        ["a.py", "A.py"],
        ["dir/x", "Dir/y"],
        ["straße", "STRASSE"],
        ["caf\u00e9", "cafe\u0301"],
        ["a", "a/b"],
        ["a/b", "A"],
        ["a.py", "a.py"],
    ],
)
def test_paths_that_are_one_file_somewhere_are_refused(paths: list[str]) -> None:
    with pytest.raises(RequestError):
        refuse_collisions(paths)


def test_a_folder_with_many_files_does_not_collide_with_itself() -> None:
    refuse_collisions(["a/b/c", "a/b/d", "a/e", "f"])


@given(st.text())
def test_any_text_is_either_safe_or_refused(path: str) -> None:
    with contextlib.suppress(RequestError):
        assert ".." not in safe_tree_path(path).split("/")
