"""Kept results: whole, of these conditions, or none."""

from __future__ import annotations

import json

import pytest

from yolopatch.errors import RequestError
from yolopatch.validation.model import Cell, Result
from yolopatch.validation.store import Store, digest

CELL = Cell("tiny", "v1", "revcol-x", "p3-p5", "detect")
RESULT = Result(
    "failed", "verify", "build", "check-failed", "no\ud800", ("a", "b"), 1.5, {"parameters": 9}, {"torch": "2"}
)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "out", {"tiny": "d1"})


def test_a_result_is_read_as_it_was_written(store):
    with store.locked():
        assert store.load(CELL) is None
        store.save(CELL, Result("ok", facts={"parameters": 9}, detail=("a", "b")))
        assert store.load(CELL) == Result("ok", facts={"parameters": 9}, detail=("a", "b"))
        store.save(CELL, RESULT)
        assert store.load(CELL).message == "no?"


def test_a_result_of_other_conditions_is_none(store, tmp_path):
    with store.locked():
        store.save(CELL, Result("ok"))
    assert Store(tmp_path / "out", {"tiny": "d1"}).load(CELL) is not None
    assert Store(tmp_path / "out", {"tiny": "d2"}).load(CELL) is None
    moved = Cell("tiny", "v1", "revcol-x", "p3-p5", "detect", "a" * 40)
    assert store.load(moved) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format": 1}', "replace"])
def test_a_damaged_result_is_none(store, text):
    with store.locked():
        store.save(CELL, Result("ok"))
        (file,) = (store.root / "cells").iterdir()
        if text == "replace":
            document = json.loads(file.read_text())
            document["result"]["surprise"] = 1
            text = json.dumps(document)
        file.write_text(text)
        assert store.load(CELL) is None


def test_names_that_look_alike_have_files_of_their_own(store):
    one, other = Cell("tiny", "a/b", "x", "p", "f"), Cell("tiny", "a-b", "x", "p", "f")
    with store.locked():
        store.save(one, Result("ok"))
        assert store.load(other) is None
        assert store.workspace(one) != store.workspace(other)
        assert store.workspace(Cell("tiny", "../..", "x", "p", "f")).parent == store.root / "work"


def test_what_a_kill_left_half_deleted_is_swept_and_what_is_whole_stays(store):
    with store.locked():
        whole = store.workspace(CELL)
        for folder in (whole, store.root / "work/.gone-x"):
            folder.mkdir()
            (folder / "file").write_text("x")
    with store.locked():
        assert [path.name for path in (store.root / "work").iterdir()] == [whole.name]
        store.discard(whole)
        store.discard(whole)
        assert list((store.root / "work").iterdir()) == []


def test_a_file_in_the_way_is_said(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(RequestError, match="name another --work"), Store(tmp_path / "out", {}).locked():
        pass


def test_the_digest_sees_contents_names_and_facts_but_no_byte_code(tmp_path):
    (tmp_path / "a").write_text("1")
    before = digest({"level": "build"}, [tmp_path])
    (tmp_path / "a.pyc").write_text("x")
    assert digest({"level": "build"}, [tmp_path]) == before
    assert digest({"level": "forward"}, [tmp_path]) != before
    (tmp_path / "a").write_text("2")
    edited = digest({"level": "build"}, [tmp_path])
    (tmp_path / "a").rename(tmp_path / "b")
    assert len({before, edited, digest({"level": "build"}, [tmp_path])}) == 3
