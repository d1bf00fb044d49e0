"""The five levels on a tree that is small and real: its own parser, loss, NMS, metrics and export."""

from __future__ import annotations

import pytest


def test_a_working_tree_passes_every_level_and_is_left_as_it_was(workspace):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    before = workspace.files()
    report = workspace.verify("export")
    assert report.ok, report.failed
    assert [result.name for result in report.levels] == ["build", "forward", "gradients", "train", "export"]
    assert report.facts("build")["strides"] == [32]
    assert report.facts("build")["head"] == "Detect"
    assert report.facts("forward")["shapes"] == [[1, 400, 8], [1, 300, 8], [2, 100, 8]]
    assert report.facts("gradients")["frozen"] == "model.0.stem"
    train = report.facts("train")
    assert train["loss_last"] < 0.5 * train["loss_first"]
    assert train["true_positives"] > 0
    assert 0 < train["map50"] <= 1
    assert report.facts("export")["max_difference"] <= 1e-4
    assert report.versions["torch"]
    assert workspace.files() == before


def test_flops_are_twice_the_multiplications(workspace):
    report = workspace.verify("forward")
    layers = ((160, 16, 3 * 16), (80, 16, 16 * 9), (40, 16, 16 * 9), (20, 16, 16 * 9), (20, 8, 16))
    macs = sum(side**2 * channels * taps for side, channels, taps in layers)
    assert report.facts("forward")["gflops"] == round(2 * macs / 1e9, 3)


def test_strides_that_the_head_should_not_have_fail_build(workspace):
    report = workspace.verify("forward", strides=(16,))
    assert report.failed.name == "build"
    assert report.failed.failure.message == "the model's strides are [32], expected [16]"
    assert [result.status for result in report.levels] == ["failed", "skipped"]


def test_output_that_is_not_finite_fails_forward(workspace):
    workspace.config(behaviour="not finite")
    report = workspace.verify("forward")
    assert report.failed.name == "forward"
    assert "not finite" in report.failed.failure.message


def test_a_parameter_without_gradient_is_named(workspace):
    workspace.config(behaviour="unused parameter")
    report = workspace.verify("train")
    assert report.failed.name == "gradients"
    assert "1 (extra.weight) of " in report.failed.failure.message
    assert report.levels[3].status == "skipped"


def test_a_form_without_loss_in_this_tree_says_so(workspace):
    report = workspace.verify("gradients", form="odd")
    assert "mini.training:NoSuchLoss" in report.failed.failure.message


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [("export fails", "ONNX: export failure: no exporter today"), ("export differs", "onnxruntime and torch differ")],
)
def test_an_export_that_is_not_the_model_fails(workspace, behaviour, message):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    workspace.config(behaviour=behaviour)
    report = workspace.verify("export")
    assert report.failed.name == "export"
    assert message in report.failed.failure.message


def test_a_head_that_exports_its_detections_is_compared_as_a_set(workspace):
    workspace.config(behaviour="picks")
    report = workspace.verify("export", form="picks")
    assert report.ok, report.failed
    assert report.facts("forward")["shapes"] == [[1, 400, 8], [1, 300, 8], [2, 100, 8]]
    assert report.facts("export")["max_difference"] <= 1e-4
    workspace.config(behaviour="picks differ")
    assert "onnxruntime and torch differ" in workspace.verify("export", form="picks").failed.failure.message


def test_an_output_without_the_key_says_which_there_are(workspace):
    workspace.config(behaviour="picks")
    spec = workspace.path / "probe.yaml"
    spec.write_text(spec.read_text().replace("[best, 0]", "[lost, 0]"))
    report = workspace.verify("forward", form="picks")
    assert report.failed.failure.message == "the output has no 'lost', only other, best"
