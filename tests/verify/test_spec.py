"""The data of the probes: `patches/<yolo>/probe.yaml`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from yolopatch.catalog.yaml_file import load_model
from yolopatch.errors import RequestError
from yolopatch.verify import ProbeSpec

PATCHES = Path(__file__).parent.parent.parent / "patches"
TREE = Path(__file__).parent / "tree"


@pytest.mark.parametrize("file", sorted(PATCHES.glob("*/probe.yaml")), ids=lambda file: file.parent.name)
def test_every_form_that_upstream_yaml_names_can_be_verified(file):
    spec = load_model(file, ProbeSpec)
    upstream = file.with_name("upstream.yaml")
    if not upstream.is_file():
        pytest.skip("no upstream.yaml beside it")
    forms = yaml.safe_load(upstream.read_text(encoding="utf-8"))["forms"]
    for form in forms:
        assert spec.for_form(form["name"]).loss


def test_a_form_takes_what_it_names_and_the_rest_from_the_top():
    spec = load_model(TREE / "probe.yaml", ProbeSpec)
    odd = spec.for_form("odd")
    assert odd.loss[0].class_ == "mini.training:NoSuchLoss"
    assert odd.decoded == spec.for_form("detect").decoded


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("per_cell: 1", "per_cell: 0", "decoded.per_cell: Input should be greater than or equal to 1"),
        ("layout: rows", "layout: sideways", "decoded.layout: Input should be 'rows' or 'columns'"),
        ("decoded: {path: [0]", "decoded: {path: [1.5]", "decoded.path.0"),
        ("exported: detections", "exported: boxes", "forms.picks.exported: Input should be 'decoded' or 'detections'"),
        ("ap_result: 0", "", "metrics.ap_result: Field required"),
        ("mini.training:box_iou", "../mini", "metrics.box_iou.0: String should match"),
        ("script: export.py", "script: ../export.py", "export.1.script: String should match"),
        ("hyp: {source: hyp}", "hyp: {source: hyp, value: 1}", "attributes.hyp: expected exactly one"),
        ("forms:", "form:", "forms: Field required"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(tmp_path, old, new, message):
    text = (TREE / "probe.yaml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "probe.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(RequestError) as caught:
        load_model(tmp_path / "probe.yaml", ProbeSpec)
    assert message in str(caught.value)
    assert "probe.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"a: [", b"\xff\xfe\x00", b"", b"- 1"])
def test_a_file_that_is_no_spec_is_one_clear_line(tmp_path, content):
    (tmp_path / "probe.yaml").write_bytes(content)
    with pytest.raises(RequestError) as caught:
        load_model(tmp_path / "probe.yaml", ProbeSpec)
    assert "\n" not in str(caught.value)
