"""AP by size: against numbers worked out by hand, and against a second implementation on random scenes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tests.datasets import small_set
from tests.evaluation.brute_force import average_precision
from yolopatch.errors import RequestError
from yolopatch.evaluation import evaluate

pytest.importorskip("faster_coco_eval")

SIDE = 256


def scene(root, truth, stems, side=SIDE, names=("cat", "dog"), suffix=".png"):
    """A data set whose val split has `truth`, a list of (stem, class, box in pixels). Its data YAML."""
    small_set.picture(root / "images" / "train" / "t.png")
    for stem in stems:
        small_set.picture(root / "images" / "val" / f"{stem}{suffix}", (side, side))
    lines: dict[str, list[str]] = {stem: [] for stem in stems}
    for stem, cls, (x, y, w, h) in truth:
        values = ((x + w / 2) / side, (y + h / 2) / side, w / side, h / side)
        lines[stem].append(" ".join(map(repr, (cls, *values))))
    for stem, rows in lines.items():
        small_set.label(root / "labels" / "val" / f"{stem}.txt", "\n".join(rows) + "\n")
    return small_set.data_yaml(root, names=list(names), nc=len(names))


def predictions(root, rows):
    """Upstream's JSON from a list of (image_id, category_id, box, score)."""
    file = root / "predictions.json"
    keys = ("image_id", "category_id", "bbox", "score")
    file.write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in rows]))
    return file


SMALL, MEDIUM, LARGE = [10, 10, 16, 16], [60, 60, 64, 64], [100, 100, 128, 128]
TRUTH = [("a", 0, SMALL), ("a", 0, MEDIUM), ("b", 1, LARGE)]


def test_perfect_predictions_are_1_at_every_size(tmp_path):
    data = scene(tmp_path, TRUTH, ["a", "b"])
    report = evaluate(predictions(tmp_path, [(*item, 0.9) for item in TRUTH]), data)
    values = report.to_json()
    rates = {key: value for key, value in values.items() if key.startswith("A") and key != "AR1"}
    assert rates == pytest.approx(dict.fromkeys(rates, 1))
    assert pytest.approx(0.75) == report.AR1  # one prediction a picture: half of the cats, all dogs
    assert (report.images, report.objects, report.predictions) == (2, 3, 3)
    assert (report.small, report.medium, report.large) == (1, 1, 1)


def test_numbers_worked_out_by_hand(tmp_path):
    """One class, two small objects, one medium. Falling score: a hit at IoU 1, a miss, a hit at IoU 0.6."""
    truth = [("a", 0, [0, 0, 10, 10]), ("a", 0, [50, 50, 10, 10]), ("a", 0, [100, 100, 50, 50])]
    found = [
        ("a", 0, [0, 0, 10, 10], 0.9),
        ("a", 0, [200, 200, 10, 10], 0.8),
        ("a", 0, [50, 50, 10, 6], 0.7),  # IoU 60/100
    ]
    data = scene(tmp_path, truth, ["a"])
    report = evaluate(predictions(tmp_path, found), data)
    # At IoU 0.5 to 0.6, recalls 1/3 and 2/3: precision 1 up to recall 0.33 (34 of 101), 2/3 up to 0.66 (33)
    loose = (34 + 33 * 2 / 3) / 101
    tight = 34 / 101  # from IoU 0.65 on the third is a miss
    assert pytest.approx(loose) == report.AP50
    assert pytest.approx(tight) == report.AP75
    assert pytest.approx((3 * loose + 7 * tight) / 10) == report.AP
    # Small ones alone: recalls 1/2 and 1
    assert report.AP_small == pytest.approx((3 * (51 + 50 * 2 / 3) / 101 + 7 * 51 / 101) / 10)
    assert report.AP_medium == 0
    assert report.AP_large is None


@pytest.mark.parametrize("seed", range(6))
def test_a_second_implementation_agrees_on_random_scenes(tmp_path, seed):
    random = np.random.default_rng(seed)
    stems = ["p0", "p1", "17", "p3"]

    def box(most):
        w, h = random.uniform(4, most, 2)
        return [float(random.uniform(0, SIDE - w)), float(random.uniform(0, SIDE - h)), float(w), float(h)]

    def near(other):
        shifted = np.array(other) + random.normal(0, 0.12 * min(other[2:]), 4)
        return [*shifted[:2].tolist(), *np.maximum(shifted[2:], 2).tolist()]

    truth = [
        (stem, int(random.integers(3)), box(most)) for stem in stems for most in random.choice([30, 90, 200], size=8)
    ]
    found = [(stem, cls, near(item), float(random.random())) for stem, cls, item in truth if random.random() < 0.8]
    found += [(str(random.choice(stems)), int(random.integers(3)), box(150), float(random.random())) for _ in range(20)]
    data = scene(tmp_path, truth, stems, names=("a", "b", "c"))
    rows = [(17 if stem == "17" else stem, *rest) for stem, *rest in found]
    report = evaluate(predictions(tmp_path, rows), data)
    for name, size in (("AP", "all"), ("AP_small", "small"), ("AP_medium", "medium"), ("AP_large", "large")):
        assert getattr(report, name) == pytest.approx(average_precision(truth, found, size), abs=1e-9), name
    assert pytest.approx(average_precision(truth, found, thresholds=[0.5]), abs=1e-9) == report.AP50
    assert 0.02 < report.AP < 0.98


def test_no_predictions_are_0_and_no_objects_are_none(tmp_path):
    data = scene(tmp_path, TRUTH[:1], ["a", "b"])
    report = evaluate(predictions(tmp_path, []), data)
    assert (report.AP, report.AP_small, report.AP_large) == (0, 0, None)
    empty = scene(tmp_path / "empty", [], ["a"])
    report = evaluate(predictions(tmp_path, [("a", 0, SMALL, 0.5)]), empty)
    assert report.AP is None
    assert report.to_json()["predictions"] == 1


def test_categories_may_be_counted_from_one(tmp_path):
    data = scene(tmp_path, TRUTH, ["a", "b"])
    rows = predictions(tmp_path, [(stem, cls + 1, box, 0.9) for stem, cls, box in TRUTH])
    assert pytest.approx(1) == evaluate(rows, data, first_category=1).AP
    with pytest.raises(RequestError, match="of category 2, and the data set has 2 classes"):
        evaluate(rows, data)


def test_cocos_own_category_numbers_are_understood_for_its_80_classes(tmp_path):
    truth = [("a", 79, SMALL), ("a", 11, MEDIUM)]  # toothbrush is 90, stop sign 13
    data = scene(tmp_path, truth, ["a"], names=tuple(f"class {number}" for number in range(80)))
    rows = predictions(tmp_path, [("a", 90, SMALL, 0.9), ("a", 13, MEDIUM, 0.8)])
    assert pytest.approx(1) == evaluate(rows, data).AP


def test_numbers_as_names_match_whatever_their_leading_zeros(tmp_path):
    data = scene(tmp_path, [("000042", 0, SMALL)], ["000042"])
    assert pytest.approx(1) == evaluate(predictions(tmp_path, [(42, 0, SMALL, 0.9)]), data).AP


def test_a_photograph_that_lies_on_its_side_is_turned(tmp_path):
    data = scene(tmp_path, TRUTH[:1], ["a"])
    (tmp_path / "images" / "val" / "a.png").unlink()
    exif = Image.Exif()
    exif[274] = 6
    small_set.picture(tmp_path / "images" / "val" / "a.jpg", (400, 100), exif=exif)  # 100x400 as OpenCV shows it
    small_set.label(tmp_path / "labels" / "val" / "a.txt", "0 0.5 0.5 0.1 0.1\n")
    report = evaluate(predictions(tmp_path, [("a", 0, [45, 180, 10, 40], 0.9)]), data)
    assert pytest.approx(1) == report.AP


def test_another_split_can_be_asked_for(tmp_path):
    data = scene(tmp_path, TRUTH, ["a", "b"])
    small_set.label(tmp_path / "labels" / "train" / "t.txt", "1 0.5 0.5 0.5 0.5\n")
    rows = predictions(tmp_path, [("t", 1, [10, 7.5, 20, 15], 0.5)])
    assert pytest.approx(1) == evaluate(rows, data, "train").AP
    with pytest.raises(RequestError, match="no split 'test'; choose from train, val"):
        evaluate(rows, data, "test")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[", "not valid JSON"),
        ("{}", "holds no list"),
        ("[1]", "prediction 0 lacks"),
        ('[{"image_id": "a", "category_id": 0, "score": 1}]', "prediction 0 lacks"),
        ('[{"image_id": "a", "category_id": 0, "score": 1, "bbox": [1, 2, 3]}]', "not finite"),
        ('[{"image_id": "a", "category_id": 0, "score": NaN, "bbox": [1, 2, 3, 4]}]', "diverged"),
        ('[{"image_id": "z", "category_id": 0, "score": 1, "bbox": [1, 2, 3, 4]}]', "picture 'z', which is not"),
        ('[{"image_id": null, "category_id": 0, "score": 1, "bbox": [1, 2, 3, 4]}]', "picture 'None'"),
        ('[{"image_id": "a", "category_id": 2, "score": 1, "bbox": [1, 2, 3, 4]}]', "of category 2"),
        ('[{"image_id": "a", "category_id": -1, "score": 1, "bbox": [1, 2, 3, 4]}]', "of category -1"),
        ('[{"image_id": "a", "category_id": "0", "score": 1, "bbox": [1, 2, 3, 4]}]', "of category 0"),
    ],
)
def test_predictions_that_do_not_fit_are_one_line(tmp_path, content, says):
    data = scene(tmp_path, TRUTH, ["a", "b"])
    file = tmp_path / "p.json"
    file.write_text(content)
    with pytest.raises(RequestError, match=says) as caught:
        evaluate(file, data)
    assert "\n" not in str(caught.value)


def test_a_missing_file_two_pictures_of_one_id_and_a_class_too_high_are_one_line(tmp_path):
    data = scene(tmp_path, TRUTH, ["a", "b"])
    with pytest.raises(RequestError, match="cannot be read"):
        evaluate(tmp_path / "none.json", data)
    rows = predictions(tmp_path, [])
    small_set.label(tmp_path / "labels" / "val" / "a.txt", "5 0.5 0.5 0.5 0.5\n")
    with pytest.raises(RequestError, match="class 5, and the YAML names 2"):
        evaluate(rows, data)
    small_set.picture(tmp_path / "images" / "val" / "sub" / "a.png")
    with pytest.raises(RequestError, match="have one id in the predictions"):
        evaluate(rows, data)


def test_the_library_says_nothing(tmp_path, capfd):
    data = scene(tmp_path, TRUTH, ["a", "b"])
    evaluate(predictions(tmp_path, [(*item, 0.9) for item in TRUTH]), data)
    assert capfd.readouterr() == ("", "")
