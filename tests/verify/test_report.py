"""Reports as JSON and as JUnit XML."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from yolopatch.verify import Failure, LevelResult, VerifyReport, to_junit


@pytest.fixture
def report() -> VerifyReport:
    failure = Failure(
        "ValueError: <&> \x1b[31mred\x1b[0m \x00 ❌",
        traceback=("Traceback (frames of the tree only):", '  File "models/yolo.py", line 1, in f'),
        log=("\x08 50%|█████     |",),
        rerun="yolopatch verify DIR --level forward --form detect",
    )
    levels = (
        LevelResult("build", "passed", 1.25, {"parameters": 12, "strides": [8, 16, 32]}),
        LevelResult("forward", "failed", 0.5, {}, failure),
        LevelResult("gradients", "skipped"),
    )
    return VerifyReport("a <b>", "m.yaml", "detect", "gradients", "cpu", "python", {"torch": "2.1"}, levels)


def test_json_is_plain_data_and_says_the_outcome(report):
    document = json.loads(json.dumps(report.to_json()))
    assert document["ok"] is False
    assert [level["status"] for level in document["levels"]] == ["passed", "failed", "skipped"]
    assert document["levels"][1]["failure"]["rerun"].startswith("yolopatch verify")
    assert document["levels"][0]["facts"] == {"parameters": 12, "strides": [8, 16, 32]}


def test_junit_is_well_formed_whatever_upstream_printed(report):
    root = ET.fromstring(to_junit(report))
    suite = root.find("testsuite")
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped", "errors")} == {
        "tests": "3",
        "failures": "1",
        "skipped": "1",
        "errors": "0",
    }
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == ["build", "forward", "gradients"]
    assert "models/yolo.py" in cases[1].find("failure").text
    assert "<&>" in cases[1].find("failure").get("message")
    assert cases[2].find("skipped") is not None
    assert cases[0].get("time") == "1.250"


def test_a_report_without_failure_is_fine(report):
    fine = VerifyReport("d", "m.yaml", "detect", "build", "cpu", "python", {}, report.levels[:1])
    assert fine.ok
    assert fine.failed is None
    assert ET.fromstring(to_junit(fine)).get("failures") == "0"
