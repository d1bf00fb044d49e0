"""Exit codes and what the reports do with names and texts that are not tame."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from yolopatch.validation.annotations import to_annotations
from yolopatch.validation.junit import to_junit
from yolopatch.validation.model import Cell, Outcome, Report, Result
from yolopatch.validation.summary import to_markdown

NASTY = "a|b\\|c <script>`x` ]]> 50% a:b,c\r\n::error::x\x00\ud800 [l](u) @all"


def report(*results, interrupted=False):
    outcomes = [
        Outcome(Cell("v7", f"{number}/<b>:,|", "x", "p3-p5", "f"), result) for number, result in enumerate(results)
    ]
    return Report(outcomes, "forward", "auto", 1.0, interrupted)


OK, SKIPPED = Result("ok"), Result("skipped", message="none")
BAD = Result("failed", "verify", "build", "check-failed", NASTY, (NASTY, "</pre><script>"))
LOST = Result("failed", "apply", None, "environment", "no host")


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([OK], 0),
        ([OK, SKIPPED], 0),
        ([OK, BAD], 1),
        ([OK, LOST], 1),
        ([BAD, LOST], 1),
        ([LOST, LOST], 3),
        ([LOST, SKIPPED], 3),
    ],
)
def test_the_exit_code(results, code):
    assert report(*results).exit_code == code
    assert report(*results).to_json()["ok"] is (code == 0)
    assert report(*results, interrupted=True).exit_code == 130


def test_a_fault_of_the_environment_is_told_from_one_of_the_patches():
    assert [one.state for one in (OK, SKIPPED, BAD, LOST)] == [
        *("ok", "skipped", "failed: verify build", "failed: apply (environment)")
    ]


def test_junit_holds_any_text_and_counts():
    suite = ET.fromstring(to_junit(report(OK, BAD, LOST, SKIPPED)).encode()).find("testsuite")
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "4", "failures": "1", "errors": "1", "skipped": "1"}
    cases = list(suite.iter("testcase"))
    assert [[child.tag for child in case] for case in cases] == [["system-out"], ["failure"], ["error"], ["skipped"]]
    assert cases[1].get("classname") == "v7.1/<b>:,|"
    assert "<script>`x` ]]> 50%" in cases[1][0].text


def test_the_summary_is_a_table_and_blocks_of_plain_text():
    text = to_markdown(report(OK, BAD))
    row = next(line for line in text.splitlines() if "failed" in line and line.startswith("|"))
    unescaped = row.replace("\\\\", "").replace("\\|", "")
    assert unescaped.count("|") == 10
    for mark in ("<script>", "<b>", "</pre><", "\x00", "\ud800"):
        assert mark not in text
    assert "\\[l\\]\\(u\\) \\@all" in row
    assert text.count("<pre>") == text.count("</pre>") == 1


def test_a_summary_of_very_many_failures_stays_below_what_github_takes():
    long = Result("failed", "verify", "build", "check-failed", "x" * 400, ("<" * 400,) * 40)
    text = to_markdown(report(*[long] * 300))
    assert len(text.encode()) < 1_000_000
    assert "The details of further failures are in the JSON report." in text
    assert sum(line.startswith("| v7") for line in text.splitlines()) == 300


def test_an_annotation_is_escaped_as_github_wants():
    (line,) = to_annotations(report(OK, BAD, SKIPPED))
    title, message = line.removeprefix("::error title=").split("::", 1)
    assert title == "v7 1/<b>%3A%2C| x p3-p5 f%3A failed%3A verify build"
    assert "50%25 a:b,c%0D%0A::error::x" in message
    assert "\n" not in line
    assert "\r" not in line
