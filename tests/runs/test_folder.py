"""Folders of runs."""

from __future__ import annotations

import pytest

from yolopatch.errors import RequestError
from yolopatch.runs import folder


def test_names_count_up_and_nothing_is_overwritten(tmp_path):
    names = [folder.create(tmp_path, None, "train").name for _ in range(3)]
    assert names == ["train", "train2", "train3"]
    folder.create(tmp_path, "mine", "train")
    with pytest.raises(RequestError, match="not overwritten"):
        folder.create(tmp_path, "mine", "train")


def test_only_a_run_that_can_be_gone_on_with_is_said_to_be_one(tmp_path):
    folder.create(tmp_path, "scores", "val")
    folder.create(tmp_path, "mine", "train").write({"status": "interrupted"})
    said = {}
    for name, kind in (("scores", "val"), ("scores", "train"), ("mine", "val"), ("mine", "train")):
        with pytest.raises(RequestError, match="choose another --name") as raised:
            folder.create(tmp_path, name, kind)
        said[name, kind] = "--resume" in str(raised.value)
    assert [pair for pair, resumes in said.items() if resumes] == [("mine", "train")]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b", "x\n"])
def test_a_name_that_is_no_folder_is_refused(name, tmp_path):
    with pytest.raises(RequestError, match="no name for a run"):
        folder.create(tmp_path, name, "train")
    with pytest.raises(RequestError):
        folder.find(tmp_path, name)


def test_runs_are_found_in_the_order_they_were_started(tmp_path):
    for name, started in (("a", "2026-02-01"), ("b", "2026-01-01")):
        folder.create(tmp_path, name, "train").write({"started": started})
    folder.create(tmp_path, None, "val")  # no training
    assert [run.name for run in folder.all_runs(tmp_path)] == ["b", "a"]
    with pytest.raises(RequestError, match="there are b, a"):
        folder.find(tmp_path, "c")


def test_a_damaged_record_is_one_line(tmp_path):
    run = folder.create(tmp_path, "a", "train")
    run.write({"x": 1})
    assert run.read() == {"x": 1}
    for text in ("{", "[]"):
        run.record_file.write_text(text)
        with pytest.raises(RequestError, match=r"run\.json"):
            run.read()
