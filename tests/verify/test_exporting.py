"""How the detections of an exported model are compared with torch's predictions."""

from __future__ import annotations

import pytest
import torch

from yolopatch.verify.probe.channel import CheckError
from yolopatch.verify.probe.exporting import SIZE, TOLERANCE, _detections
from yolopatch.verify.probe.tree import Tree

NC = 3


@pytest.fixture
def tree(tmp_path):
    decoded = {"path": [], "layout": "columns", "per_cell": 1, "values": 4}
    request = {"spec": {"decoded": decoded}, "config": "", "nc": NC, "strides": [8], "device": "cpu"}
    return Tree({**request, "scratch": str(tmp_path)})


@pytest.fixture
def predictions():
    """(1, 4 + classes, 50): boxes of 20 to 40 pixels and scores, no two of them alike."""
    generator = torch.Generator().manual_seed(0)
    boxes = 20 + 20 * torch.rand(1, 4, 50, generator=generator)
    scores = torch.randperm(NC * 50, generator=generator).view(1, NC, 50) / (NC * 50)
    return torch.cat((boxes, scores), 1)


def best(predictions, count):
    """What the head of an exported model gives, in an order of its own."""
    cells = predictions[0].T
    scores, place = cells[:, 4:].flatten().topk(count)
    x, y, w, h = cells[place // NC, :4].unbind(1)
    rows = torch.stack((x - w / 2, y - h / 2, x + w / 2, y + h / 2, scores, (place % NC).float()), 1)
    return rows.flip(0)[None]


def test_the_best_predictions_in_any_order_are_the_same(tree, predictions):
    assert _detections(tree, best(predictions, 30), predictions) < 1e-6
    assert _detections(tree, best(predictions, 3 * 50), predictions) < 1e-6


@pytest.mark.parametrize(("column", "by", "difference"), [(0, 1.6, 1.6 / SIZE), (4, 0.01, 0.01), (5, 1, 0.005)])
def test_a_row_that_is_no_prediction_counts(tree, predictions, column, by, difference):
    rows = best(predictions, 30)
    rows[0, 7, column] = (rows[0, 7, column] + by) % (NC if column == 5 else SIZE)
    assert _detections(tree, rows, predictions) >= 0.9 * difference > TOLERANCE


def test_predictions_that_are_not_the_best_count(tree, predictions):
    rows = best(predictions, 30)
    rows[0, 29] = best(predictions, 40)[0, 0]  # in place of the very best, the fortieth
    assert _detections(tree, rows, predictions) > TOLERANCE


@pytest.mark.parametrize(
    ("shape", "label", "message"),
    [
        ((1, 30, 7), 0, "expected \\(1, detections, 6\\)"),
        ((1, 0, 6), 0, "expected \\(1, detections, 6\\)"),
        ((2, 30, 6), 0, "expected \\(1, detections, 6\\)"),
        ((30, 6), 0, "expected \\(1, detections, 6\\)"),
        ((1, 151, 6), 0, "151 detections of 150 predictions"),
        ((1, 30, 6), NC, "none of 0 to 2"),
        ((1, 30, 6), 0.5, "none of 0 to 2"),
    ],
)
def test_what_are_no_detections_is_refused(tree, predictions, shape, label, message):
    with pytest.raises(CheckError, match=message):
        _detections(tree, torch.full(shape, float(label)), predictions)
