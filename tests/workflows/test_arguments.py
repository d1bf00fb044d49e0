"""Which of upstream's own arguments are refused, since an option of ours sets them."""

from __future__ import annotations

import pytest

from yolopatch.catalog import Catalog
from yolopatch.errors import RequestError
from yolopatch.workflows.stage import refuse_controlled
from yolopatch.workflows.train import OURS

CATALOG = Catalog()


def interface(yolo):
    found = CATALOG.upstream(yolo).interface
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("yolo", "words", "option"),
    [
        ("v5", ("--epochs", "3"), "--epochs"),
        ("v5", ("--img", "320"), "--imgsz"),
        ("v9", ("--img-size", "320"), "--imgsz"),
        ("v9", ("--cos-lr", "--batch", "8"), "--batch"),
        ("v7", ("--img", "320", "320"), "--imgsz"),
        ("v7", ("--epo=3",), "--epochs"),
        ("v8", ("imgsz=320",), "--imgsz"),
        ("v8", ("--batch=8",), "--batch"),
    ],
)
def test_whatever_upstream_calls_what_we_set_is_refused(yolo, words, option):
    with pytest.raises(RequestError, match=f"use {option} instead"):
        refuse_controlled(interface(yolo).train, words, OURS)


@pytest.mark.parametrize(
    ("yolo", "words"),
    [
        ("v5", ("--hyp", "data=own.yaml", "--image-weights", "--evolve", "3", "--noval", "--label-smoothing=0.1")),
        ("v7", ("--freeze", "0", "1", "--adam", "--cache-images", "--v5-metric")),
        ("v8", ("lr0=0.01", "close_mosaic=0", "save_period=1", "cos_lr")),
        ("v9", ("--patience", "5", "--rect", "--workers-of-mine")),
    ],
)
def test_all_else_goes_to_upstream(yolo, words):
    refuse_controlled(interface(yolo).train, words, OURS)
