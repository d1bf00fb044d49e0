"""Fills the template of the report."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from yolopatch import __version__
from yolopatch.compare.columns import GROUPS, Column, Value, columns_of, value_of
from yolopatch.compare.comparison import Comparison, Member
from yolopatch.compare.page.data import chart_data
from yolopatch.compare.page.graph import graph_of
from yolopatch.compare.strings import LANGUAGES, explained, label, note, say, strings
from yolopatch.compare.text import number, turns, where
from yolopatch.errors import EnvironmentFailed
from yolopatch.install_hint import install_command

_LIBRARY = "vl_convert"
_HERE = Path(__file__).parent


def require() -> None:
    """Raise `EnvironmentFailed` where the package that carries the plotting library is not installed."""
    if importlib.util.find_spec(_LIBRARY) is None:
        raise EnvironmentFailed(
            f"--report needs the package vl-convert-python, which carries Vega-Lite: {install_command(extra='report')}"
        )


def to_html(comparison: Comparison) -> str:
    """The report.

    Raises:
        EnvironmentFailed: the plotting library is not installed.
    """
    require()
    columns = columns_of(comparison)
    members = comparison.members
    values = {
        "t": _both,
        "words": strings(),
        "version": __version__,
        "date": max(one.made for one in comparison.documents)[:10],
        "columns": columns,
        "groups": [(group, [one for one in columns if one.group == group]) for group in GROUPS],
        "labels": {one.key: _languages(lambda language, one=one: label(one, language, unit=False)) for one in columns},
        "hows": _explained(columns),
        "how_of": {one.key: about[0].key for about, _ in explained(columns) for one in about},
        "rows": [(member, [_cell(comparison, one, member) for one in columns]) for member in members],
        "baseline": comparison.baseline.name,
        "notes": [_languages(lambda language, one=one: note(one, language)) for one in comparison.notes()],
        "turns": [
            _spans(dict(zip(LANGUAGES, texts, strict=True)))
            for texts in zip(*(turns(comparison, language) for language in LANGUAGES), strict=True)
        ],
        "machines": [
            _languages(lambda language, one=one: where(comparison, one, language))
            for one in comparison.documents
            if one.machine
        ],
        "graphs": [(member.name, graph_of(member.entry.static.rows)) for member in members if member.entry.static],
        "has_runs": any(member.entry.runs for member in members),
        "has_columns": any(one.columns for member in members for one in member.entry.memory),
        "data": _script_json({"words": strings(), **chart_data(comparison, columns)}),
        "css": Markup((_HERE / "report.css").read_text(encoding="utf-8")),
        "script": Markup((_HERE / "report.js").read_text(encoding="utf-8")),
        "library": Markup(_bundle()),
    }
    return _environment().get_template("report.html.j2").render(values)


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed, as the package has them inside."""
    bundle: str = importlib.import_module(_LIBRARY).javascript_bundle()
    return bundle.replace("</script", "<\\/script")


def _script_json(data: Any) -> Markup:
    """JSON for a script element: nothing in it can end the element."""
    return Markup(json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"))


def _both(key: str, **values: Any) -> Markup:
    """A sentence in both languages; the style sheet shows one."""
    return _languages(lambda language: say(language, key, **values))


def _languages(text: Any) -> Markup:
    return _spans({language: text(language) for language in LANGUAGES})


def _explained(columns: Sequence[Column]) -> list[tuple[list[Column], Markup]]:
    english, chinese = (explained(columns, language) for language in LANGUAGES)
    texts = [
        dict(zip(LANGUAGES, (one, other), strict=True)) for (_, one), (_, other) in zip(english, chinese, strict=True)
    ]
    return [(about, _spans(text)) for (about, _), text in zip(english, texts, strict=True)]


def _spans(texts: dict[str, str]) -> Markup:
    if len(set(texts.values())) == 1:
        return escape(next(iter(texts.values())))
    spans = (
        Markup('<span class="{}" lang="{}">{}</span>').format(language, say(language, "lang"), text)
        for language, text in texts.items()
    )
    return Markup("").join(spans)


def _cell(comparison: Comparison, column: Column, member: Member) -> dict[str, str]:
    value = value_of(comparison, column, member)
    if value is None:
        return {"sort": "", "text": "–", "range": "", "ratio": "", "title": ""}
    return {
        "sort": repr(value.number),
        "text": number(value.number, column.digits),
        "range": _range(value, column),
        "ratio": "" if value.ratio is None else f"×{value.ratio:.2f}",
        "title": f"n = {value.count}; {column.unit}; {member.document.made}",
    }


def _range(value: Value, column: Column) -> str:
    if value.low is None or value.high is None or value.count < 2:
        return ""
    return f"{number(value.low, column.digits)}–{number(value.high, column.digits)}"
