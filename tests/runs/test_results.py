"""Upstream's tables and ours."""

from __future__ import annotations

import pytest

from yolopatch.catalog import Catalog
from yolopatch.runs import results
from yolopatch.runs.results import best_epoch, read_ours, read_upstream, write_ours

CATALOG = Catalog()
V5 = """\
               epoch,      train/box_loss,      train/obj_loss,      train/cls_loss,   metrics/precision,\
      metrics/recall,     metrics/mAP_0.5,metrics/mAP_0.5:0.95,        val/box_loss
                   0,            0.089992,           0.0095351,             0.02744,            0.0019423,\
 0.31667,           0.0014566,          0.00030725,  1
                   1,            0.081334,            0.010024,             0.02578,            0.0020529,\
 0.35,           0.0017374,          0.00034404,  1
"""
V7 = """\
       0/4        0G    0.0546  0.001386   0.01174   0.06773         9        64    0.0018    0.3667  0.003323 0.00041 \
   0.05   0.05   0.05
       1/4        0G    0.0558  0.001649   0.01206   0.06951        24        64    0.0018    0.3667  0.003096 0.00038 \
   0.05   0.05   0.05
"""
V8 = """\
epoch,time,train/box_loss,train/cls_loss,train/dfl_loss,metrics/precision(B),metrics/recall(B),metrics/mAP50(B),\
metrics/mAP50-95(B)
1,1.5,0.13982,0.40044,0.08,0.1,0.2,0.3,0.1
2,2.5,0.56195,0.64104,0.2,0.1,0.2,0.4,0.2
"""
V10 = """\
epoch,train/box_om,train/cls_om,train/dfl_om,train/box_oo,train/cls_oo,train/dfl_oo,metrics/precision(B),\
metrics/recall(B),metrics/mAP50(B),metrics/mAP50-95(B)
1,5.5512,3.6438,2.9746,4.7379,3.8162,2.4936,0.00123,0.2963,0.00929,0.0031
2,2.7895,2.8606,1.7595,2.4428,3.3044,1.6296,0.00525,0.6,0.02152,0.00995
"""


def table(yolo):
    interface = CATALOG.upstream(yolo).interface
    assert interface is not None
    return interface.table


@pytest.mark.parametrize(
    ("yolo", "text", "loss", "map50"),
    [
        ("v5", V5, 0.089992, 0.0014566),
        ("v7", V7, 0.0546, 0.003323),
        ("v8", V8, 0.13982, 0.3),
        ("v10", V10, 5.5512, 0.00929),
    ],
)
def test_rows_of_each_upstream_have_the_same_names_and_count_from_one(yolo, text, loss, map50, tmp_path):
    file = tmp_path / "table"
    file.write_text(text)
    rows = read_upstream(file, table(yolo))
    assert list(rows) == [1, 2]
    assert rows[1]["train/box_loss"] == loss
    assert rows[1]["mAP50"] == map50
    assert {"precision", "recall", "mAP50-95"} <= set(rows[2])


def test_a_row_that_is_being_written_is_left_out(tmp_path):
    file = tmp_path / "table"
    for end in (1, 30, len(V8) - 1):
        file.write_text(V8[:end])
        assert set(read_upstream(file, table("v8"))) <= {1}
    file.write_text("")
    assert read_upstream(file, table("v8")) == {}
    assert read_upstream(tmp_path / "none", table("v8")) == {}


def test_an_epoch_trained_again_after_a_kill_counts_as_trained_last(tmp_path):
    file = tmp_path / "table"
    file.write_text(V8 + "2,9.5,0.5,0.6,0.2,0.1,0.2,0.9,0.7\n3,9.9,0.4,0.6,0.2,0.1,0.2,0.8,0.7\n")
    rows = read_upstream(file, table("v8"))
    assert list(rows) == [1, 2, 3]
    assert rows[2]["mAP50"] == 0.9


def test_the_best_epoch_is_the_last_of_the_fittest():
    rows = {1: {"mAP50": 0.9, "mAP50-95": 0.1}, 2: {"mAP50": 0.1, "mAP50-95": 0.5}, 3: {"mAP50": 0.1, "mAP50-95": 0.5}}
    assert best_epoch(rows, table("v5")) == 3
    assert best_epoch({1: {"mAP50": float("nan")}, 2: {"mAP50": 0.0}}, table("v5")) == 2
    assert best_epoch({}, table("v5")) is None


def test_our_table_reads_back_and_has_one_header(tmp_path):
    file = tmp_path / "results.csv"
    rows = {
        2: {"epoch": 2.0, "mAP50": 0.5, "peak_memory_bytes": 123456789.0, "AP-small": 0.25},
        1: {"epoch": 1.0, "train/rec_loss": 0.125, "seconds": 3.5, "train/box_loss": float("nan")},
    }
    write_ours(file, rows)
    assert file.read_text().splitlines()[0] == ",".join(results.COLUMNS)
    back = read_ours(file)
    assert list(back) == [1, 2]
    assert back[2] == rows[2]
    assert back[1]["train/box_loss"] != back[1]["train/box_loss"]
    assert list(tmp_path.iterdir()) == [file]


def test_a_record_has_no_number_that_json_has_not():
    row = {"epoch": 1.0, "train/box_loss": float("nan"), "train/cls_loss": float("inf"), "mAP50": 0.0, "seconds": 2.0}
    assert results.told(row) == {"epoch": 1.0, "mAP50": 0.0}
