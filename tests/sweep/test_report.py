"""Numbers over seeds, and exit codes."""

from __future__ import annotations

import math

import pytest

from yolopatch.sweep.cells import Cell, Training
from yolopatch.sweep.report import Report, Result, metrics_of

TRAINING = Training("d.yaml", 3, 64, 2)


def result(seed, status="finished", **metrics):
    cell = Cell("v5", "stock", "p3-p5", {}, seed, TRAINING)
    return Result(cell, status, metrics, 60.0, 3, "w", "l", "yolopatch train")


def test_the_spread_is_the_samples_deviation_over_the_finished_seeds():
    report = Report("s", "f", [result(0, mAP50=0.25), result(1, mAP50=0.75), result(2, "failed", mAP50=9.0)])
    mean = report.models()["v5 stock p3-p5"]["mAP50"]
    assert (mean.mean, mean.count) == (0.5, 2)
    assert mean.spread == pytest.approx(math.sqrt(0.125))


def test_one_seed_has_no_spread():
    report = Report("s", "f", [result(0, mAP50=0.25), result(1)])
    mean = report.models()["v5 stock p3-p5"]["mAP50"]
    assert (mean.mean, mean.spread, mean.count) == (0.25, None, 1)


def test_the_metrics_are_those_of_the_best_epoch():
    best = {"mAP50": 0.5, "mAP50-95": math.nan, "AP-small": None, "precision": 1}
    assert metrics_of({"best": best}) == {"mAP50": 0.5}
    assert metrics_of({"best": None}) == {}


def test_an_interrupt_is_130_a_failure_1():
    assert Report("s", "f", [result(0)]).exit_code == 0
    assert Report("s", "f", [result(0, "failed")]).exit_code == 1
    assert Report("s", "f", [result(0, "failed")], interrupted=True).exit_code == 130
