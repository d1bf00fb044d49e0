"""COCO JSON becomes YOLO labels: nothing is invented, and what is left out is counted."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from tests.datasets import small_set
from yolopatch.datasets import Label, check_dataset, load_dataset, read_labels
from yolopatch.datasets.coco import check_instances
from yolopatch.datasets.convert import convert
from yolopatch.errors import RequestError

CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 3, "name": "cat"}]


def entry(number, image, category, box, **more):
    return {"id": number, "image_id": image, "category_id": category, "bbox": box, "iscrowd": 0, **more}


ANNOTATIONS = [
    entry(1, 10, 3, [10, 20, 20, 10]),
    entry(2, 10, 7, [90, 40, 30, 20]),  # reaches over the right and lower edge
    entry(3, 10, 7, [0, 0, 5, 5], iscrowd=1, segmentation={"counts": [1], "size": [50, 100]}),
    entry(4, 10, 7, [0, 0, 9, 9], ignore=True),
    entry(5, 11, 7, [5, 5, 0, 4]),
    entry(6, 11, 3, [1, 2, 3, 4]),
    entry(7, 11, 3, [1, 2, 3, 4]),
]


def instances(tmp_path, name="train.json", annotations=ANNOTATIONS, images=None, categories=CATEGORIES):
    """An instances JSON with its pictures (100x50) in tmp_path/pictures; images 10 and 11 unless told."""
    images = images or [(10, "a.jpg"), (11, "sub/b.png"), (12, "c.png")]
    listed = []
    for number, file_name in images:
        small_set.picture(tmp_path / "pictures" / file_name, (100, 50))
        listed.append({"id": number, "file_name": file_name, "width": 100, "height": 50})
    file = tmp_path / name
    file.write_text(json.dumps({"images": listed, "annotations": annotations, "categories": categories}))
    return file


def test_boxes_names_and_counts(tmp_path):
    steps = []
    source = instances(tmp_path)
    made = convert(
        {"train": source}, (tmp_path / "pictures",), tmp_path / "out", step=lambda done, of: steps.append((done, of))
    )
    assert made.names == ("cat", "dog")  # in the order of the ids, whatever their order in the file
    count = made.splits["train"]
    assert (count.pictures, count.objects, count.crowds, count.clipped) == (3, 3, 2, 1)
    assert (count.without_area, count.duplicates) == (1, 1)
    assert steps == [(1, 3), (2, 3), (3, 3)]
    labels = tmp_path / "out" / "labels" / "train"
    assert read_labels(labels / "a.txt") == [Label(0, 0.2, 0.5, 0.2, 0.2), Label(1, 0.95, 0.9, 0.1, 0.2)]
    assert read_labels(labels / "b.txt") == [Label(0, 0.025, 0.08, 0.03, 0.08)]
    assert (labels / "c.txt").read_text() == ""
    assert not [file for file in tmp_path.iterdir() if file.name.startswith(".")]


def test_what_is_made_passes_the_check(tmp_path):
    sources = {
        "train": instances(tmp_path),
        "val": instances(tmp_path, "val.json", ANNOTATIONS[:2], [(10, "v.png")]),
        "test": instances(tmp_path, "test.json", ANNOTATIONS[:1], [(10, "t.png")]),
    }
    made = convert(sources, (tmp_path / "elsewhere", tmp_path / "pictures"), tmp_path / "out")
    report = check_dataset(made.yaml)
    assert report.ok, report
    assert {split: count.pictures for split, count in report.splits.items()} == {"train": 3, "val": 1, "test": 1}


def test_pictures_are_linked_or_copied(tmp_path):
    source = {"train": instances(tmp_path)}
    pictures = (tmp_path / "pictures",)
    linked = convert(source, pictures, tmp_path / "linked")
    copied = convert(source, pictures, tmp_path / "copied", copy=True)
    assert (copied.linked, copied.copied, linked.linked + linked.copied) == (0, 3, 3)
    original = tmp_path / "pictures" / "a.jpg"
    for made in (linked, copied):
        assert (made.folder / "images" / "train" / "a.jpg").read_bytes() == original.read_bytes()
        assert not (made.folder / "images" / "train" / "a.jpg").is_symlink()
    assert not (copied.folder / "images" / "train" / "a.jpg").samefile(original)


def test_without_val_the_yaml_validates_on_train(tmp_path):
    made = convert({"train": instances(tmp_path)}, (tmp_path / "pictures",), tmp_path / "out")
    dataset = load_dataset(made.yaml)
    assert dataset.splits["train"] == dataset.splits["val"]


def test_folders_become_part_of_the_name_where_names_collide(tmp_path):
    source = instances(tmp_path, images=[(10, "x/a.png"), (11, "y/a.png"), (12, "images/c.png")])
    made = convert({"train": source}, (tmp_path / "pictures",), tmp_path / "out")
    found = sorted(file.name for file in (made.folder / "images" / "train").iterdir())
    assert found == ["images_c.png", "x_a.png", "y_a.png"]
    assert check_dataset(made.yaml).ok


def test_a_file_name_that_climbs_out_writes_nothing_outside(tmp_path):
    source = instances(tmp_path, images=[(10, "x/a.png"), (11, "x/../../pictures/y/a.png"), (12, "c.png")])
    made = convert({"train": source}, (tmp_path / "pictures",), tmp_path / "deep" / "out")
    assert sorted(file.name for file in (made.folder / "images" / "train").iterdir()) == [
        "c.png",
        "x_.._.._pictures_y_a.png",
        "x_a.png",
    ]
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"annotations": [entry(1, 99, 3, [1, 1, 2, 2])]}, "annotation 1 is of an image or category"),
        ({"annotations": [entry(1, 10, 99, [1, 1, 2, 2])]}, "annotation 1 is of an image or category"),
        ({"annotations": [entry(1, 10, 3, [1, 1, 2])]}, "annotation 1 has no 'bbox'"),
        ({"annotations": [entry(1, 10, 3, [1, 1, float("nan"), 2])]}, "annotation 1 has no 'bbox'"),
        ({"annotations": [entry(1, 10, 3, [1, 1, 10**400, 2])]}, "annotation 1 has no 'bbox'"),
        ({"annotations": [entry(1, [10], 3, [1, 1, 2, 2])]}, "annotation 1 is of an image or category"),
        ({"annotations": [entry(1, 10, {"id": 3}, [1, 1, 2, 2])]}, "annotation 1 is of an image or category"),
        ({"categories": [{"id": float("inf"), "name": "a"}]}, "categories lack"),
        ({"categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}]}, "or are double"),
        ({"categories": []}, "categories lack"),
        ({"categories": [{"id": 3}]}, "categories lack"),
        ({"images": [(10, "a.png"), (11, "a.jpg")]}, "one file_name but for the suffix"),
        ({"images": [(10, "a.png"), (10, "b.png")]}, "two images have its id"),
    ],
)
def test_a_json_that_makes_no_sense_is_one_line_and_leaves_nothing(tmp_path, change, says):
    source = instances(tmp_path, **change)
    with pytest.raises(RequestError, match=says):
        convert({"train": source}, (tmp_path / "pictures",), tmp_path / "out")
    assert {file.name for file in tmp_path.iterdir()} == {"train.json", "pictures"}


def test_missing_pictures_are_counted_and_the_first_named(tmp_path):
    source = instances(tmp_path)
    (tmp_path / "pictures" / "a.jpg").unlink()
    with pytest.raises(RequestError, match=r"1 of 3 pictures .* a\.jpg: the file is missing"):
        convert({"train": source}, (tmp_path / "pictures",), tmp_path / "out")


def test_a_picture_of_another_size_than_the_json_says_is_refused(tmp_path):
    source = instances(tmp_path)
    Image.new("RGB", (50, 100)).save(tmp_path / "pictures" / "a.jpg")
    with pytest.raises(RequestError, match="says 100x50, the picture is 50x100"):
        convert({"train": source}, (tmp_path / "pictures",), tmp_path / "out")


@pytest.mark.parametrize("side", ["100", [100], float("nan"), -1])
def test_a_size_that_is_no_number_is_one_line(tmp_path, side):
    source = instances(tmp_path)
    source.write_text(source.read_text().replace('"width": 100', f'"width": {json.dumps(side)}', 1))
    with pytest.raises(RequestError, match="width and height must be numbers"):
        check_instances(source)


def test_a_size_that_is_null_is_the_pictures(tmp_path):
    source = instances(tmp_path, annotations=ANNOTATIONS[:2])
    source.write_text(source.read_text().replace('"width": 100', '"width": null'))
    assert check_instances(source, (tmp_path / "pictures",)).ok


def test_a_picture_that_the_yolos_would_pass_over_by_its_name_is_refused(tmp_path):
    source = instances(tmp_path, annotations=ANNOTATIONS[:2])
    (tmp_path / "pictures" / "a.jpg").rename(tmp_path / "pictures" / "a.jfif")
    source.write_text(source.read_text().replace("a.jpg", "a.jfif"))
    assert "a.jfif: the YOLOs pass over pictures" in check_instances(source, (tmp_path / "pictures",)).problems[0]
    with pytest.raises(RequestError, match=r"a\.jfif: the YOLOs pass over pictures"):
        convert({"train": source}, (tmp_path / "pictures",), tmp_path / "out")


def test_jsons_with_other_categories_are_no_data_set(tmp_path):
    sources = {"train": instances(tmp_path), "val": instances(tmp_path, "val.json", [], categories=CATEGORIES[:1])}
    with pytest.raises(RequestError, match="other categories"):
        convert(sources, (tmp_path / "pictures",), tmp_path / "out")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"images": [], "annotations": [], "categories": [1]}', "{"])
def test_what_is_no_instances_json_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(RequestError, match=r"a\.json"):
        convert({"train": tmp_path / "a.json"}, (tmp_path,), tmp_path / "out")


def test_the_check_of_a_json_finds_what_convert_would_refuse_or_drop(tmp_path):
    annotations = [
        *ANNOTATIONS,
        entry(8, 99, 3, [1, 1, 2, 2]),
        entry(9, 10, 99, [1, 1, 2, 2]),
        entry(10, 10, 3, [200, 1, 2, 2]),
        entry(11, 10, 3, [1, 1, 2, "x"]),
        entry(12, [10], 3, [1, 1, 2, 2]),
        entry(13, 10, {}, [1, 1, 2, 2]),
    ]
    source = instances(tmp_path, annotations=annotations)
    (tmp_path / "pictures" / "c.png").unlink()
    report = check_instances(source, (tmp_path / "pictures",))
    assert not report.ok
    assert [line.removeprefix(f"{source}: ") for line in report.problems] == [
        "c.png: the file is missing from the folders of --images",
        "annotation 5: a box of 0x4 pixels",
        "annotation 7: the same object as another annotation",
        "annotation 8: no image has the id 99",
        "annotation 9: no category has the id 99",
        "annotation 10: a box that lies outside its picture",
        "annotation 11: no 'bbox' of four finite numbers",
        "annotation 12: no image has the id [10]",
        "annotation 13: no category has the id {}",
    ]
    count = report.splits["instances"]
    assert (count.objects, count.backgrounds, count.by_class) == (3, 1, {"cat": 2, "dog": 1})
    assert "2 crowd or ignored" in report.notes[0]


def test_the_check_of_a_sound_json_passes_without_pictures(tmp_path):
    assert check_instances(instances(tmp_path, annotations=ANNOTATIONS[:2])).ok
