"""Failed cells as GitHub annotations: `::error title=...::message`."""

from __future__ import annotations

from yolopatch.validation.model import Report

_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def to_annotations(report: Report) -> list[str]:
    """A line for each failed cell."""
    return [
        f"::error title={_escaped(f'{one.cell.name}: {one.result.state}', _PROPERTY)}::"
        f"{_escaped(one.result.message, _DATA)}"
        for one in report.failed
    ]


def _escaped(text: str, marks: dict[str, str]) -> str:
    return "".join(marks.get(letter, letter) for letter in text)
