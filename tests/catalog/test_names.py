"""A typo gets the nearest name."""

from __future__ import annotations

import pytest

from yolopatch.catalog import Catalog
from yolopatch.errors import RequestError
from yolopatch.workflows.plan import make_plan


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        ({"variant": "revcol-small"}, "no variant 'revcol-small'; did you mean revcol-s?"),
        ({"variant": "Stock"}, "no variant 'Stock'; did you mean stock?"),
        ({"yolo": "V7"}, "no YOLO 'V7'; did you mean v7?"),
        ({"yolo": "x"}, "no YOLO 'x'; there are: v5, v7, v8, v9, v10"),
        ({"head": "p2p5"}, "no head 'p2p5'; did you mean p2-p5?"),
        ({"pin": "mian"}, "no pin of YOLOv7 'mian'; did you mean main?"),
        ({"classes": 0}, "--nc is 0; a detector has 1 to 100000 classes"),
        ({"variant": "stock-tine"}, "no variant of YOLOv7 main 'stock-tine'; did you mean stock-tiny?"),
        ({"variant": "stock-tiny", "pin": "v0.1"}, "no variant of YOLOv7 v0.1 'stock-tiny'; did you mean stock-x?"),
        ({"variant": "stock-x", "head": "p2-p5"}, "YOLOv7 main has no model stock-x for p2-p5, only for p3-p5"),
        ({"variant": "stock", "head": "p2-p5"}, "YOLOv7 main has no stock model for p2-p5, only for p3-p5"),
    ],
)
def test_one_line_says_what_was_meant(kwargs, expected):
    names = {"yolo": "v7", "variant": "revcol-s"} | kwargs
    with pytest.raises(RequestError) as caught:
        make_plan(Catalog(), names.pop("yolo"), names.pop("variant"), **names)
    assert str(caught.value) == expected


def test_a_pin_can_be_given_by_its_commit():
    catalog = Catalog()
    assert catalog.pin(catalog.upstream("v7"), "a207844").name == "main"


def test_another_size_of_upstreams_own_model_has_its_yaml_its_forms_and_its_settings():
    plan = make_plan(Catalog(), "v7", "stock-tiny")
    assert plan.name == "yolov7-stock-tiny"
    assert [form.name for form in plan.forms] == ["idetect"]
    assert plan.config(plan.form) == "cfg/training/yolov7-tiny.yaml"
    assert plan.recipe(plan.form) == ("--hyp", "data/hyp.scratch.tiny.yaml")
    assert make_plan(Catalog(), "v7", "stock").recipe(plan.form) == ("--hyp", "data/hyp.scratch.p5.yaml")
