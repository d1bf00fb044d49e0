"""A validation as Markdown, for the summary of a CI job."""

from __future__ import annotations

import html
import re

from yolopatch.validation.model import Outcome, Report
from yolopatch.validation.text import parameters, totals
from yolopatch.xml_text import writable

_LIMIT = 500_000  # characters of details; GitHub refuses a summary of more than 1 MiB
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~@])")


def to_markdown(report: Report) -> str:
    """A table with a line a cell, failures first, and below it the details of each failure."""
    lines = [
        f"### yolopatch validate, level {report.level}",
        "",
        _escaped(totals(report)),
        "",
        "| YOLO | pin | variant | head | form | | seconds | parameters | |",
        "|---|---|---|---|---|---|--:|--:|---|",
    ]
    others = [one for one in report.outcomes if one.result.status != "failed"]
    lines += [_row(outcome) for outcome in (*report.failed, *others)]
    return "\n".join([*lines, *_details(report), ""])


def _row(outcome: Outcome) -> str:
    cell, result = outcome.cell, outcome.result
    state = f"**{result.state}**" if result.status == "failed" else result.state + (" (kept)" if outcome.kept else "")
    names = map(_escaped, (cell.yolo, cell.pin, cell.variant, cell.head, cell.form))
    numbers = (f"{result.seconds:.1f}", parameters(result))
    return f"| {' | '.join((*names, state, *numbers, _escaped(result.message)))} |"


def _details(report: Report) -> list[str]:
    lines: list[str] = []
    size = 0
    for outcome in report.failed:
        if not outcome.result.detail:
            continue
        text = html.escape(writable("\n".join(outcome.result.detail)))
        size += len(text.encode())
        if size > _LIMIT:
            return [*lines, "", "The details of further failures are in the JSON report."]
        title = html.escape(f"{outcome.cell.name}: {outcome.result.state}")
        lines += ["", f"<details><summary>{title}</summary>", "", f"<pre>{text}</pre>", "</details>"]
    return lines


def _escaped(text: str) -> str:
    """Text that stands in a cell of a table as it is, whatever marks are in it."""
    return _SPECIAL.sub(r"\\\1", html.escape(writable(" ".join(text.split())), quote=False))
