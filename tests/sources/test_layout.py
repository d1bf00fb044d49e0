"""Layout rules, sparse rules and the list of blobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from yolopatch.errors import RequestError
from yolopatch.sources import compare, format_blobs, parse_blobs, read_blobs
from yolopatch.sources.layout import glob_matches, lay_out, moved
from yolopatch.sources.models import Entry, blob_id
from yolopatch.sources.sparse import choose, is_chosen


def test_the_first_move_that_names_the_file_or_a_folder_above_it_wins() -> None:
    moves = (("pkg/python_scripts", ""), ("pkg/a.py", "tools/b.py"), ("pkg", "src"))
    assert moved("pkg/python_scripts/train.py", moves) == "train.py"
    assert moved("pkg/a.py", moves) == "tools/b.py"
    assert moved("pkg/models/yolo.py", moves) == "src/models/yolo.py"
    assert moved("pkg2/models/yolo.py", moves) is None


def test_the_top_can_be_source_and_target() -> None:
    assert moved("a/b.py", (("", ""),)) == "a/b.py"
    assert moved("a/b.py", (("", "x"),)) == "x/a/b.py"
    assert moved("a/b.py", (("a/b.py", ""),)) == "b.py"
    assert moved("a/b.py", (("a/b.py", "c/"),)) == "c/b.py"


def test_rewrites_apply_to_lines_of_matching_files_and_keep_line_endings() -> None:
    members = [("p/a.py", False, b"from p.x import y\r\nimport p.z\n\xff"), ("p/a.txt", False, b"from p.x\n")]
    tree = lay_out(
        members, (("p", ""),), (("**/*.py", r"^from p\.(.*)$", r"from \1"), ("*.py", "import p.", "import "))
    )
    assert tree["a.py"] == (False, b"from x import y\r\nimport z\n\xff")
    assert tree["a.txt"][1] == b"from p.x\n"


def test_two_files_on_one_path_are_refused() -> None:
    with pytest.raises(RequestError, match="two files at 'x'"):
        lay_out([("a/x", False, b""), ("b/x", False, b"")], (("a", ""), ("b", "")))


def test_the_result_is_sorted_and_keeps_the_executable_bit() -> None:
    tree = lay_out([("b", True, b"1"), ("a", False, b"2")], (("", ""),))
    assert list(tree.items()) == [("a", (False, b"2")), ("b", (True, b"1"))]


def test_a_move_may_not_leave_the_tree() -> None:
    with pytest.raises(RequestError, match="refused path"):
        lay_out([("a", False, b"")], (("a", "../a"),))


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("**/*.py", "a.py", True),
        ("**/*.py", "a/b/c.py", True),
        ("*.py", "a/b.py", False),
        ("a/**", "a/b/c", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("[a]", "a", False),
    ],
)
def test_stars_stay_within_a_name(glob: str, path: str, matches: bool) -> None:
    assert glob_matches(glob, path) is matches


def test_the_last_sparse_rule_that_matches_decides() -> None:
    rules = ("*", "models/", "!models/hub/", "models/hub/keep.yaml", "!*.ipynb")
    assert is_chosen("train.py", rules)
    assert is_chosen("models/a/b.py", rules)
    assert not is_chosen("models/hub/x.yaml", rules)
    assert is_chosen("models/hub/keep.yaml", rules)
    assert not is_chosen("tutorial.ipynb", rules)
    assert not is_chosen("docs/a.md", rules)


@pytest.mark.parametrize(("mode", "what"), [("120000", "symbolic link"), ("160000", "submodule")])
def test_links_and_submodules_are_refused_only_where_they_are_chosen(mode: str, what: str) -> None:
    entries = [Entry("a", "100664", "0" * 40), Entry("sub/x", mode, "0" * 40)]
    assert choose(entries, ("*",)) == (Entry("a", "100644", "0" * 40),)
    with pytest.raises(RequestError, match=what):
        choose(entries, ("*", "sub/"))


def test_rules_that_choose_nothing_are_an_error() -> None:
    with pytest.raises(RequestError, match="choose no file"):
        choose([Entry("a", "100644", "0" * 40)], ("b",))


def test_a_list_of_blobs_comes_back_as_it_was_written() -> None:
    entries = (Entry("a b.py", "100644", blob_id(b"x")), Entry("c", "100755", blob_id(b"")))
    assert parse_blobs(format_blobs(reversed(entries))) == entries
    assert blob_id(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "main.blobs"
    file.write_text("# comment\n\nnonsense\n")
    with pytest.raises(RequestError, match=r"main\.blobs:3: expected"):
        read_blobs(file)
    with pytest.raises(RequestError, match="cannot read"):
        read_blobs(tmp_path / "absent")


def test_a_comparison_names_what_differs() -> None:
    def entry(path: str, text: bytes) -> Entry:
        return Entry(path, "100644", blob_id(text))

    ours = [entry("same", b"1"), entry("changed", b"2"), entry("extra", b"3")]
    theirs = [entry("same", b"1"), entry("changed", b"x"), entry("missing", b"4")]
    comparison = compare(ours, theirs)
    assert (comparison.identical, comparison.total) == (1, 3)
    assert (comparison.different, comparison.missing, comparison.extra) == (("changed",), ("missing",), ("extra",))
    assert comparison.summary == "1 of 3 files are those of the pin"
