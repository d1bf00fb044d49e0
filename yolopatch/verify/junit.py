"""A report as JUnit XML, one test case a level."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from yolopatch.xml_text import document
from yolopatch.xml_text import writable as _text

from .report import LevelResult, VerifyReport


def to_junit(report: VerifyReport) -> str:
    """The report as a JUnit XML document."""
    failures = sum(result.status == "failed" for result in report.levels)
    skipped = sum(result.status == "skipped" for result in report.levels)
    counts = {
        "tests": str(len(report.levels)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(skipped),
        "time": f"{report.seconds:.3f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": _text(f"yolopatch.verify.{report.form}"), **counts})
    properties = ET.SubElement(suite, "properties")
    for name in ("workspace", "config", "form", "device", "python"):
        ET.SubElement(properties, "property", {"name": name, "value": _text(getattr(report, name))})
    for result in report.levels:
        _case(suite, report, result)
    return document(root)


def _case(suite: ET.Element, report: VerifyReport, result: LevelResult) -> None:
    names = {"classname": _text(f"{report.config}.{report.form}"), "name": result.name}
    case = ET.SubElement(suite, "testcase", {**names, "time": f"{result.seconds:.3f}"})
    if result.status == "skipped":
        ET.SubElement(case, "skipped", {"message": "an earlier level failed"})
        return
    if result.failure is not None:
        failure = ET.SubElement(case, "failure", {"message": _text(result.failure.message), "type": "CheckFailed"})
        failure.text = _text("\n".join(result.failure.lines()))
        return
    ET.SubElement(case, "system-out").text = _text("\n".join(f"{key}: {value}" for key, value in result.facts.items()))
