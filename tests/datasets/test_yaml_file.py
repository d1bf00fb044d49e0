"""A data YAML is read as the YOLOs read it, and an unusable one says why in one line."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml as pyyaml

from tests.datasets import small_set
from yolopatch.datasets import load_dataset, rewrite
from yolopatch.datasets.yaml_file import label_of
from yolopatch.errors import RequestError


def names_of(pictures) -> list[str]:
    return [picture.path.name for picture in pictures]


def test_folders_are_read_sorted_and_labels_stand_in_the_sister_folder(tmp_path):
    dataset = load_dataset(small_set.make(tmp_path))
    assert dataset.names == ("cat", "dog")
    assert names_of(dataset.splits["train"]) == ["a.png", "b.png"]
    assert dataset.splits["val"][0].label == tmp_path / "labels" / "val" / "c.txt"
    assert "test" not in dataset.splits


@pytest.mark.parametrize("root", [".", "..", "cwd"])
def test_a_relative_path_is_below_the_yaml_its_parent_or_the_working_directory(tmp_path, monkeypatch, root):
    sets = tmp_path / "sets" / "mine"
    small_set.make(sets)
    folder = {".": tmp_path, "..": tmp_path / "configs", "cwd": tmp_path / "far" / "away"}[root]
    folder.mkdir(exist_ok=True, parents=True)
    monkeypatch.chdir(tmp_path)
    file = small_set.data_yaml(folder, path="sets/mine", train="images/train", val="images/val")
    assert load_dataset(file).splits["val"][0].path == sets / "images" / "val" / "c.png"


def test_a_missing_path_means_the_folder_of_the_yaml(tmp_path):
    file = small_set.make(tmp_path, train="images/train", val="./images/val")
    assert len(load_dataset(file).splits["train"]) == 2


def test_old_exports_that_climb_one_folder_too_far_are_found(tmp_path):
    file = small_set.make(tmp_path, train="../images/train", val="../images/val")
    assert len(load_dataset(file).splits["val"]) == 2


def test_a_list_of_pictures_is_relative_to_itself_where_its_lines_begin_with_a_dot(tmp_path):
    small_set.make(tmp_path)
    (tmp_path / "train.txt").write_text(f"./images/train/b.png\n{tmp_path}/images/val/d.png\n./notes.md\n")
    dataset = load_dataset(small_set.data_yaml(tmp_path, train="train.txt"))
    assert names_of(dataset.splits["train"]) == ["b.png", "d.png"]


def test_a_split_may_be_several_places(tmp_path):
    small_set.make(tmp_path)
    both = [str(tmp_path / "images" / "train"), str(tmp_path / "images" / "val")]
    assert len(load_dataset(small_set.data_yaml(tmp_path, train=both)).splits["train"]) == 4


def test_names_may_be_a_mapping_and_nc_may_be_missing(tmp_path):
    file = small_set.make(tmp_path, names={1: "dog", 0: "cat"}, nc=None)
    assert load_dataset(file).names == ("cat", "dog")


def test_hidden_files_and_other_suffixes_are_passed_over(tmp_path):
    file = small_set.make(tmp_path)
    for name in (".hidden.png", "film.gif", "deep/er.JPG"):
        small_set.picture(tmp_path / "images" / "train" / name, format="PNG")
    assert names_of(load_dataset(file).splits["train"]) == ["a.png", "b.png", "er.JPG"]


def test_brackets_in_a_path_are_no_pattern(tmp_path):
    root = tmp_path / "set[1]"
    root.mkdir()
    assert len(load_dataset(small_set.make(root)).splits["train"]) == 2


@pytest.mark.parametrize(
    ("picture", "label"),
    [
        ("/d/images/train/a.b.jpg", "/d/labels/train/a.b.txt"),
        ("/images/x/images/a.png", "/images/x/labels/a.txt"),
        ("/d/pictures/a.png", "/d/pictures/a.txt"),
    ],
)
def test_the_label_rule_is_that_of_upstream(picture, label):
    before, between = f"{os.sep}images{os.sep}", f"{os.sep}labels{os.sep}"  # yolov5 utils/dataloaders.py
    assert between.join(picture.rsplit(before, 1)).rsplit(".", 1)[0] + ".txt" == label
    assert label_of(Path(picture)) == Path(label)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"val": None}, "'val:' is missing"),
        ({"train": None}, "'train:' is missing"),
        ({"names": None}, "'names:' must list"),
        ({"names": {1: "cat", 2: "dog"}}, "must be 0 to 1"),
        ({"nc": 3}, "'nc: 3' but 'names:' lists 2"),
        ({"nc": True, "names": ["cat"]}, "nc: True"),
        ({"train": 5}, "'train:' must be a folder"),
        ({"path": ["a"]}, "'path:' must be a folder"),
        ({"val": "nowhere"}, "nowhere; correct 'path:' or the entry"),
        ({"val": "nowhere", "download": "https://a/b.zip"}, "'download:' says from where"),
    ],
)
def test_an_unusable_yaml_is_one_line(tmp_path, changes, says):
    file = small_set.make(tmp_path, **changes)
    with pytest.raises(RequestError, match=says) as caught:
        load_dataset(file)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(file))


@pytest.mark.parametrize("text", ["a: [", "- a\n- b\n", "", "!!python/object:os.system {}", "\x00"])
def test_what_is_no_mapping_is_refused(tmp_path, text):
    file = tmp_path / "data.yaml"
    file.write_text(text)
    with pytest.raises(RequestError, match=r"data\.yaml"):
        load_dataset(file)


def test_a_split_without_pictures_is_refused(tmp_path):
    file = small_set.make(tmp_path, val=str(tmp_path / "labels"))
    with pytest.raises(RequestError, match="no pictures in"):
        load_dataset(file)


def test_a_test_split_that_is_not_there_does_not_stop_training(tmp_path):
    dataset = load_dataset(small_set.make(tmp_path, test="test-dev.txt"))
    assert dataset.absent == ("test",)


def test_the_rewritten_yaml_has_absolute_entries_nc_and_a_list_of_names(tmp_path):
    file = small_set.make(tmp_path, train="images/train", val=["images/val"], nc=None, names={0: "cat", 1: "dog"})
    data = pyyaml.safe_load(rewrite(file))
    assert data == {
        "train": str(tmp_path / "images" / "train"),
        "val": str(tmp_path / "images" / "val"),
        "nc": 2,
        "names": ["cat", "dog"],
    }
