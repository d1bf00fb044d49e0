"""Which numbers may stand beside which, what is said about them, and how ratios are formed."""

from __future__ import annotations

import pytest

from tests.compare.documents import document, entry, machine, run
from yolopatch.compare.columns import columns_of, value_of
from yolopatch.compare.comparison import Comparison
from yolopatch.compare.model import Rounds, spread
from yolopatch.compare.strings import note
from yolopatch.errors import RequestError


def values(comparison, key):
    column = next(one for one in columns_of(comparison) if one.key == key)
    return [value_of(comparison, column, member) for member in comparison.members]


def test_a_spread_is_the_median_and_the_quartiles():
    found = spread((5.0, 1.0, 3.0, 2.0, 4.0))
    assert (found.median, found.low, found.high, found.count) == (3.0, 2.0, 4.0, 5)
    assert (spread((1.0, 2.0)).low, spread((1.0, 2.0)).high) == (1.0, 2.0)


def test_a_machine_that_slows_down_does_not_change_a_ratio():
    base = Rounds(rounds=((1.0,), (1.0,), (7.0,), (9.0,)))
    other = Rounds(rounds=((2.0,), (2.0,), (14.0,), (18.0,)))
    assert other.ratio(base) == 2.0


def test_ratios_are_to_the_first_stock_model():
    comparison = Comparison([document(entry("revcol-x", factor=3.0), entry())])
    assert comparison.baseline.name == "tiny stock p3-p5"
    assert [one.ratio for one in values(comparison, "latency_64_b1_ms")] == pytest.approx([3.0, 1.0])
    assert [one.ratio for one in values(comparison, "throughput_64_b1")] == pytest.approx([1 / 3, 1.0])


def test_a_baseline_can_be_named():
    comparison = Comparison([document()], "tiny revcol-x p3-p5")
    assert [one.ratio for one in values(comparison, "latency_64_b1_ms")] == pytest.approx([1 / 1.5, 1.0])
    with pytest.raises(RequestError, match="--baseline 'nobody' is none of the models; they are 'tiny stock p3-p5'"):
        Comparison([document()], "nobody")


def test_parameters_are_told_by_part():
    comparison = Comparison([document()])
    assert [one.number for one in values(comparison, "parameters_m")] == [1.75, 2.25]
    assert [one.number for one in values(comparison, "parameters_neck_m")] == [0.5, 0.5]


def test_a_stock_model_has_its_one_way_of_training_in_both_columns():
    comparison = Comparison([document()])
    plain = values(comparison, "step_64_b2_plain_ms")
    assert plain[0].number == values(comparison, "step_64_b2_ms")[0].number
    assert values(comparison, "peak_64_b2_plain_mb")[1].number == 75.0


def test_accuracy_is_the_mean_over_seeds_with_the_least_and_the_most():
    trained = entry(runs=[run("a", 0), run("b", 1), run("c", 2)])
    (found,) = values(Comparison([document(trained)]), "mAP50")
    assert (found.number, found.low, found.high, found.count) == (pytest.approx(60.0), 50.0, pytest.approx(70.0), 3)


def test_a_column_that_nobody_has_a_number_for_is_left_out():
    keys = [column.key for column in columns_of(Comparison([document()]))]
    assert "mAP50" not in keys
    assert "onnx_64_ms" in keys


def two_machines(**changes):
    other = document(entry("revcol-x", factor=1.5), machine=machine(**changes), made="2026-01-03T00:00+00:00")
    return Comparison([document(entry()), other])


def test_times_of_two_machines_get_letters_and_no_ratio_and_it_is_said():
    comparison = two_machines(host="b" * 12)
    assert [member.name for member in comparison.members] == ["tiny stock p3-p5 [A]", "tiny revcol-x p3-p5 [B]"]
    assert note(comparison.notes()[0]).startswith("The numbers are from different machines")
    for key in ("latency_64_b1_ms", "step_64_b2_ms", "peak_64_b2_mb", "onnx_64_ms"):
        assert values(comparison, key)[1].ratio is None
    assert values(comparison, "parameters_m")[1].ratio == pytest.approx(2.25 / 1.75)


def test_another_number_of_threads_is_another_condition():
    comparison = two_machines(threads=1)
    assert note(comparison.notes()[0]).startswith("The numbers are from one machine under different conditions")
    assert values(comparison, "latency_64_b1_ms")[1].ratio is None


def test_two_measurings_of_one_machine_are_compared_and_it_is_said():
    comparison = two_machines()
    assert "different times" in note(comparison.notes()[0])
    assert values(comparison, "latency_64_b1_ms")[1].ratio == pytest.approx(1.5)


def test_of_two_measurings_of_one_model_the_newer_counts():
    newer = document(entry(factor=2.0), made="2026-02-01T00:00+00:00")
    comparison = Comparison([newer, document(entry())])
    assert len(comparison.members) == 1
    assert comparison.members[0].document is newer
    assert any("the newer numbers are shown: tiny stock p3-p5" in note(one) for one in comparison.notes())


def test_models_with_other_classes_are_refused():
    with pytest.raises(RequestError, match=r"has 2 classes and 'tiny revcol-x p3-p5' 3.*same --nc"):
        Comparison([document(entry(), entry("revcol-x", classes=3))])


@pytest.mark.parametrize("change", [{"classes": ["zero", "two"]}, {"data": "other/data.yaml 76543210"}])
def test_runs_on_other_data_are_refused(change):
    with pytest.raises(RequestError, match=r"was trained on another data set .*name runs on one data set by --run"):
        Comparison([document(entry(runs=[run()]), entry("revcol-x", runs=[run(**change)]))])


def test_what_failed_what_was_edited_and_what_was_trained_otherwise_is_said():
    trained = entry(runs=[run()], edited=True)
    other = entry("revcol-x", runs=[run(epochs=9)], onnx=None, failed={"onnx": "no exporter"})
    found = [note(one) for one in Comparison([document(trained, other, left_out=["no such model"])]).notes()]
    assert "tiny revcol-x p3-p5: onnx could not be measured: no exporter" in found
    assert "Left out: no such model" in found
    assert "Edited since apply, measured as they are: tiny stock p3-p5" in found
    assert "The runs were not all trained with the same epochs: 2, 9" in found
