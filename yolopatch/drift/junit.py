"""A drift as JUnit XML: one test case a stretch of history, which fails where no set fits."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from yolopatch.drift.model import Drift
from yolopatch.xml_text import document, writable


def to_junit(drift: Drift) -> str:
    """The JUnit XML document."""
    gaps = dict(drift.gaps())
    starts = sorted({0, *gaps, *(last + 1 for last in gaps.values())} - {len(drift.steps)})
    stretches = list(zip(starts, [*(start - 1 for start in starts[1:]), len(drift.steps) - 1], strict=True))
    counts = {
        "tests": str(len(stretches)),
        "failures": str(len(gaps)),
        "errors": "0",
        "skipped": "0",
        "time": f"{drift.seconds:.3f}",
    }
    root = ET.Element("testsuites", counts)
    suite = ET.SubElement(root, "testsuite", {"name": f"yolopatch.drift.{drift.yolo}", **counts})
    for first, last in stretches:
        _case(suite, drift, first, last, failed=first in gaps)
    return document(root)


def _case(suite: ET.Element, drift: Drift, first: int, last: int, *, failed: bool) -> None:
    begin, end = drift.steps[first], drift.steps[last]
    name = f"{begin.commit[:12]}..{end.commit[:12]} ({begin.date} to {end.date}, {last - first + 1} {drift.steps_are})"
    case = ET.SubElement(suite, "testcase", {"classname": f"{drift.yolo}.history", "name": name, "time": "0"})
    if not failed:
        return
    nearest = drift.nearest(first)
    misfits = nearest.misfits(first)
    message = f"no series fits; '{nearest.name}' comes nearest, without {', '.join(row.patch for row in misfits)}"
    failure = ET.SubElement(case, "failure", {"message": writable(message), "type": "CheckFailed"})
    lines = [f"{row.patch}: {row.outcomes[first].why}" for row in misfits]
    failure.text = writable("\n".join([f"first: {begin.commit} {begin.date} {begin.subject}", *lines]))
