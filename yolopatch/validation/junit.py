"""A validation as JUnit XML, one test case a cell."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from yolopatch.validation.model import ENVIRONMENT, Outcome, Report
from yolopatch.xml_text import document, writable


def to_junit(report: Report) -> str:
    """The JUnit XML document. What failed for the environment is an error, all else that failed a failure."""
    errors = sum(one.result.kind == ENVIRONMENT for one in report.failed)
    counts = {
        "tests": str(len(report.outcomes)),
        "failures": str(len(report.failed) - errors),
        "errors": str(errors),
        "skipped": str(report.count("skipped")),
        "time": f"{report.seconds:.3f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": f"yolopatch.validate.{report.level}", **counts})
    for outcome in report.outcomes:
        _case(suite, outcome)
    return document(root)


def _case(suite: ET.Element, outcome: Outcome) -> None:
    cell, result = outcome.cell, outcome.result
    names = {"classname": writable(f"{cell.yolo}.{cell.pin}"), "name": f"{cell.variant} {cell.head} {cell.form}"}
    case = ET.SubElement(suite, "testcase", {**names, "time": f"{result.seconds:.3f}"})
    if result.status == "skipped":
        ET.SubElement(case, "skipped", {"message": writable(result.message)})
        return
    if result.status == "failed":
        tag, kind = ("error", "EnvironmentFailed") if result.kind == ENVIRONMENT else ("failure", "CheckFailed")
        message = writable(f"{result.state.removeprefix('failed: ')}: {result.message}")
        failure = ET.SubElement(case, tag, {"message": message, "type": kind})
        failure.text = writable("\n".join(result.detail))
        return
    facts = "\n".join(f"{key}: {value}" for key, value in {**result.facts, "commit": result.base}.items())
    ET.SubElement(case, "system-out").text = writable(facts)
