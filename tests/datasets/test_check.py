"""The check finds what one of the four YOLOs would refuse or pass over, and counts objects by size."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.datasets import small_set
from yolopatch.datasets import check_dataset
from yolopatch.datasets.report import SplitCount
from yolopatch.errors import RequestError


def only(lines):
    assert len(lines) == 1, lines
    return lines[0]


def test_a_sound_set_passes_and_is_counted(tmp_path):
    seen = []
    report = check_dataset(small_set.make(tmp_path), lambda done, total: seen.append((done, total)))
    assert report.ok
    assert (report.problems, report.not_portable, report.notes) == ((), (), ())
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    # 40x30 pixels: 20x15, 4x3; 8x12; 20x15, 4x3
    assert report.splits["train"] == SplitCount(2, 0, 2, 1, 2, 0, 0, {"cat": 1, "dog": 1})
    assert report.splits["val"] == SplitCount(2, 0, 3, 1, 3, 0, 0, {"cat": 2, "dog": 1})
    assert report.to_json()["splits"]["val"]["by_class"] == {"cat": 2, "dog": 1}


def test_sizes_are_cocos(tmp_path):
    file = small_set.make(tmp_path)
    small_set.picture(tmp_path / "images" / "val" / "e.png", (100, 100))
    small_set.label(
        tmp_path / "labels" / "val" / "e.txt",
        "0 .5 .5 .31 .33\n0 .5 .5 .32 .32\n0 .5 .5 .95 .97\n0 .5 .5 .96 .96\n0 .5 .5 .09 .09\n0 .5 .5 .1 .05\n",
    )
    count = check_dataset(file).splits["val"]
    assert (count.tiny, count.small, count.medium, count.large) == (1 + 1, 3 + 3, 2, 1)


def test_a_turned_photograph_is_measured_as_opencv_shows_it(tmp_path):
    file = small_set.make(tmp_path)
    exif = Image.Exif()
    exif[274] = 6
    small_set.picture(tmp_path / "images" / "val" / "t.jpg", (200, 20), exif=exif)
    small_set.label(tmp_path / "labels" / "val" / "t.txt", "0 .5 .5 .04 .4\n")
    assert check_dataset(file).splits["val"].tiny == 1  # that of "d"; 0.8x80 pixels, not 8x8


def test_faulty_labels_are_named_with_their_line(tmp_path):
    labels = {"train/a": "0 .5 .5 .5 .5\n0 .5 .5 1.5 .5\n", "val/d": "0 .1 .1 .1 .1\n2 .5 .5 .5 .5\n"}
    report = check_dataset(small_set.make(tmp_path, labels))
    assert not report.ok
    assert report.problems == (
        f"{tmp_path}/labels/train/a.txt:2: a coordinate outside 0 to 1",
        f"{tmp_path}/labels/val/d.txt:2: class 2, and the YAML names 2 (0 to 1)",
    )


def test_missing_broken_and_small_pictures_are_problems(tmp_path):
    file = small_set.make(tmp_path)
    images = tmp_path / "images" / "train"
    small_set.picture(images / "tiny.png", (9, 40))
    (images / "torn.png").write_bytes((images / "a.png").read_bytes()[:60])
    (images / "text.png").write_text("no picture")
    small_set.picture(images / "cut.jpg", (300, 300))
    (images / "cut.jpg").write_bytes((images / "cut.jpg").read_bytes()[:-30])
    small_set.picture(images / "gif.png", format="GIF")
    (tmp_path / "val.txt").write_text("./images/val/c.png\n./images/val/gone.png\n")
    report = check_dataset(small_set.data_yaml(tmp_path, val=str(tmp_path / "val.txt"), train=str(images)))
    found = {line.split(": ")[0].rsplit("/", 1)[1]: line.split(": ", 1)[1] for line in report.problems}
    assert set(found) == {"tiny.png", "torn.png", "text.png", "cut.jpg", "gif.png", "gone.png"}
    assert found["tiny.png"].startswith("9x40 pixels")
    assert "cut off" in found["cut.jpg"]
    assert "GIF" in found["gif.png"]
    assert found["gone.png"] == "the file is missing"
    assert file.exists()


def test_labels_whose_picture_is_gone_or_passed_over_are_noted(tmp_path):
    file = small_set.make(tmp_path)
    train, val = tmp_path / "images/train", tmp_path / "images/val"
    (train / "a.png").rename(train / "a.gif")
    (val / "c.png").unlink()
    small_set.label(tmp_path / "labels/val/classes.txt", "cat\ndog\n")
    report = check_dataset(file)
    assert [note for note in report.notes if "no picture" in note] == [
        f"train: 1 label files have no picture that the YOLOs read, as {tmp_path}/labels/train/a.txt",
        f"val: 1 label files have no picture that the YOLOs read, as {tmp_path}/labels/val/c.txt",
    ]
    (tmp_path / "train.txt").write_text(f"{train}/b.png\n")  # a list takes what it likes
    listed = small_set.data_yaml(tmp_path, train=str(tmp_path / "train.txt"), val=str(train))
    assert [note.partition(":")[0] for note in check_dataset(listed).notes if "no picture" in note] == ["val"]


def test_bytes_after_the_end_of_a_jpeg_are_noted(tmp_path):
    file = small_set.make(tmp_path)
    jpeg = small_set.picture(tmp_path / "images" / "train" / "more.jpg")
    jpeg.write_bytes(jpeg.read_bytes() + b"more")
    report = check_dataset(file)
    assert report.ok
    assert any("more.jpg: bytes after" in note for note in report.notes)


def test_a_set_without_labels_is_a_problem_and_backgrounds_are_noted(tmp_path):
    report = check_dataset(small_set.make(tmp_path, {"train/a": "", "train/b": "\n", "val/c": ""}))
    assert "no labels at all" in only(report.problems)
    assert f"{tmp_path}/labels/train/a.txt" in only(report.problems)
    assert "val: 1 pictures without an object (backgrounds)" in report.notes


def test_two_pictures_of_one_name_collide_in_val_and_are_noted_in_train(tmp_path):
    file = small_set.make(tmp_path)
    for split in ("train", "val"):
        small_set.picture(tmp_path / "images" / split / "deep" / ("a.png" if split == "train" else "c.png"))
    report = check_dataset(file)
    assert "one id with it in the predictions" in only(report.problems)
    assert any(note.startswith("train: 1 pictures have the name of another") for note in report.notes)


def test_numbers_that_differ_by_leading_zeros_are_one_id(tmp_path):
    file = small_set.make(tmp_path)
    small_set.picture(tmp_path / "images" / "val" / "7.png")
    small_set.picture(tmp_path / "images" / "val" / "007.png")
    assert "one id" in only(check_dataset(file).problems)


def test_two_suffixes_share_one_label_file(tmp_path):
    file = small_set.make(tmp_path)
    small_set.picture(tmp_path / "images" / "train" / "a.jpg")
    assert "2 pictures share one label file" in only(check_dataset(file).problems)


def test_a_picture_that_is_listed_twice_is_a_problem(tmp_path):
    small_set.make(tmp_path)
    (tmp_path / "train.txt").write_text("./images/train/a.png\n" * 2)
    report = check_dataset(small_set.data_yaml(tmp_path, train=str(tmp_path / "train.txt")))
    assert "listed 2 times in 'train'" in only(report.problems)


def test_a_second_folder_called_images_is_a_problem(tmp_path):
    root = tmp_path / "images" / "set"
    report = check_dataset(small_set.make(root))
    assert len(report.problems) == 2  # train and val
    assert "two folders called 'images'" in report.problems[0]


def test_a_val_that_is_the_train_set_is_noted(tmp_path):
    file = small_set.make(tmp_path, val=str(tmp_path / "images" / "train"))
    assert "val: 2 of its pictures are in train too; results on them say little" in check_dataset(file).notes


def test_boxes_without_area_or_beyond_the_edge_are_noted(tmp_path):
    report = check_dataset(small_set.make(tmp_path, {"train/a": "0 .5 .5 0 .2\n1 .1 .5 .4 .1\n"}))
    assert report.ok
    assert "train: 1 objects without width or height, which nothing can learn" in report.notes
    assert "train: 1 objects that reach beyond their picture" in report.notes


def test_a_yaml_that_not_all_read_alike_is_told_apart_from_faulty_data(tmp_path):
    file = small_set.make(tmp_path, train="images/train", nc=None, names={0: "cat", 1: "dog"})
    report = check_dataset(file)
    assert not report.ok
    assert not report.problems
    assert [line.split(": ", 1)[1][:9] for line in report.not_portable] == ["'nc: 2' i", "'names:' ", "'train:' "]


def test_an_absent_test_split_is_noted_since_no_yolo_trains_on_it(tmp_path):
    report = check_dataset(small_set.make(tmp_path, test="/gone/test"))
    assert report.ok
    assert "test: not on the disk" in only(report.notes)


def test_an_unusable_yaml_raises(tmp_path):
    with pytest.raises(RequestError):
        check_dataset(tmp_path / "none.yaml")
