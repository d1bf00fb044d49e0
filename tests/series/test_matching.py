"""Which commit is which patch."""

from __future__ import annotations

import pytest

from yolopatch.errors import RequestError
from yolopatch.series.history import Commit
from yolopatch.series.matching import Known, match


def made(subject: str, *paths: str, stamp: str = "yolopatch 1") -> Commit:
    """A commit; its id is made of all that it is."""
    return Commit(
        f"{subject}/{','.join(paths)}/{stamp}", "tree", ("parent",), stamp, subject, "", frozenset(paths or ("a",))
    )


def patch(name: str, *paths: str, subject: str | None = None) -> Known:
    return Known("ours", name, made(subject or name, *paths))


def matched(known: list[Known], commits: list[Commit]) -> dict[str, str]:
    return {name: commit.subject for (_, name), commit in match(known, commits).items()}


def test_by_subject_in_any_order():
    known = [patch("one"), patch("two"), patch("three")]
    assert matched(known, [made("three"), made("one")]) == {"one": "one", "three": "three"}


def test_by_the_subject_of_a_file_that_was_exported_since():
    known = [Known("ours", "one", made("one"), subject="uno"), patch("two")]
    assert matched(known, [made("two"), made("uno")]) == {"one": "uno", "two": "two"}


def test_by_place_between_neighbours():
    known = [patch("one"), patch("two"), patch("three"), patch("four")]
    assert matched(known, [made("uno"), made("two"), made("tres"), made("cuatro")]) == {
        "one": "uno", "two": "two", "three": "tres", "four": "cuatro",
    }  # fmt: skip


def test_a_new_commit_beside_a_reworded_one_is_told_by_author_and_date():
    known = [patch("one"), patch("two")]
    commits = [made("one"), made("new", stamp="Ann 2"), made("dos")]
    assert matched(known, commits) == {"one": "one", "two": "dos"}


def test_a_new_commit_beside_a_reworded_one_is_told_by_its_files():
    known = [patch("one", "a"), patch("two", "b")]
    commits = [made("one", "a"), made("new", "c", stamp="Ann 2"), made("dos", "b", stamp="Ann 1")]
    assert matched(known, commits) == {"one": "one", "two": "dos"}


def test_what_could_be_either_is_refused_with_the_old_subject():
    known = [patch("one"), patch("two")]
    commits = [made("one"), made("new", stamp="Ann 2"), made("dos", stamp="Ann 1")]
    with pytest.raises(
        RequestError, match=r"the patch two could be commit .*'new' or .*'dos'; give it its old subject"
    ):
        match(known, commits)


def test_a_commit_that_shares_no_file_is_no_reworded_patch():
    assert matched([patch("one", "a")], [made("new", "b")]) == {}


def test_two_patches_with_one_subject_are_taken_in_order():
    known = [patch("one", subject="same"), patch("two", subject="same")]
    first, second = made("same", "a"), made("same", "b")
    assert [commit.id for commit in match(known, [first, second]).values()] == [first.id, second.id]


def test_a_second_commit_of_the_same_subject_is_told_by_its_files_or_refused():
    known = [patch("one", "a")]
    found = match(known, [made("one", "b"), made("one", "a")])
    assert found["ours", "one"].paths == {"a"}
    with pytest.raises(RequestError, match="have the same subject 'one' and cannot be told apart"):
        match(known, [made("one", "a", stamp="x"), made("one", "a", stamp="y")])


def test_one_commit_for_two_patches_of_one_subject():
    known = [patch("one", "a", subject="same"), patch("two", "b", subject="same")]
    assert matched(known, [made("same", "b")]) == {"two": "same"}
    with pytest.raises(RequestError, match="could be one or two"):
        match([patch("one", "a", subject="same"), patch("two", "a", subject="same")], [made("same", "a")])


def test_what_must_keep_its_subject_is_not_found_by_place():
    fixed = Known("fixed", "payload", made("payload"), by_place=False)
    assert matched([patch("one"), fixed], [made("one"), made("other")]) == {"one": "one"}
    # But it is a neighbour of others.
    assert matched([patch("one"), fixed], [made("uno"), made("payload"), made("mine")]) == {
        "one": "uno", "payload": "payload",
    }  # fmt: skip


def test_two_kinds_may_use_one_name():
    known = [patch("one"), Known("own", "one", made("another one"))]
    assert set(match(known, [made("one"), made("another one")])) == {("ours", "one"), ("own", "one")}
