"""A comparison as JSON: for `--json`, and what `--save` keeps."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from yolopatch.compare.columns import columns_of, value_of
from yolopatch.compare.comparison import Comparison
from yolopatch.compare.strings import how, label, note
from yolopatch.compare.text import turns, where
from yolopatch.errors import RequestError


def to_json(comparison: Comparison) -> dict[str, Any]:
    """One document: the columns and how each was measured, the models with their numbers, the machines."""
    columns = columns_of(comparison)
    return {
        "baseline": comparison.baseline.name,
        "columns": [
            {"key": one.key, "group": one.group, "label": label(one), "unit": one.unit, "how": how(one),
             "better": "higher" if one.better > 0 else "lower"}
            for one in columns
        ],
        "turns": turns(comparison),
        "machines": [
            {"mark": comparison.mark(one.machine), "text": where(comparison, one), **one.machine.model_dump(),
             "sittings": [sitting.model_dump() for sitting in one.sittings]}
            for one in comparison.documents
            if one.machine
        ],
        "notes": [note(one) for one in comparison.notes()],
        "models": [
            {
                "name": member.name,
                "machine": member.mark,
                "measured": member.document.made,
                "values": {
                    one.key: asdict(value)
                    for one in columns
                    if (value := value_of(comparison, one, member)) is not None
                },
                **member.entry.model_dump(mode="json", exclude={"name"}),
            }
            for member in comparison.members
        ],
    }  # fmt: skip


def merged(comparison: Comparison) -> str:
    """The text of a file of measurements.

    Raises:
        RequestError: the comparison is of several measurings, which one file does not hold.
    """
    from yolopatch.compare.store import text

    if len(comparison.documents) > 1:
        raise RequestError("--save keeps one measuring; compare several by --from FILE --from FILE")
    return text(comparison.documents[0])
