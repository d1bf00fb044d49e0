"""A drift as a picture: patches down, time across, a colour for each state."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from yolopatch.drift.model import Drift, PatchSet, Row
from yolopatch.series.slots import State

_WIDTH, _MARGIN, _LEFT, _TOP, _ROW, _BAR = 1200, 12, 250, 50, 14, 11
# Blue to red, which people who do not see green from red tell apart; grey is neither.
_STATES: dict[State, tuple[str, str]] = {
    "exact": ("applies", "#2166ac"),
    "offset": ("applies some lines away", "#77b0d8"),
    "upstream": ("not needed: upstream has it", "#b8bcc2"),
    "absent": ("not needed: no such file", "#dcdfe3"),
    "3-way": ("3-way merge only", "#f5b041"),
    "fails": ("does not apply", "#b2182b"),
}
_ANY = "some series fits"


def to_svg(drift: Drift) -> str:
    """The picture as an SVG document; each bar says its commits when it is pointed at."""
    rows = [*_rows(drift)]
    top = _TOP + 16
    for number, row in enumerate(rows):
        row["y"] = top + number * _ROW
    values = {
        "title": f"{drift.title}: which patches apply, {drift.steps[0].date} to {drift.steps[-1].date}",
        "width": _WIDTH,
        "height": top + len(rows) * _ROW + _MARGIN,
        "margin": _MARGIN,
        "left": _LEFT,
        "top": _TOP,
        "bar_height": _BAR,
        "rows": rows,
        "ticks": [*_ticks(drift)],
        "states": [
            {"class": _class(state), "text": text, "colour": colour, "x": _MARGIN + number * 195}
            for number, (state, (text, colour)) in enumerate(_STATES.items())
        ],
    }
    return _environment().get_template("picture.svg.j2").render(values)


def to_html(drift: Drift) -> str:
    """The picture as a page of its own."""
    svg = Markup(to_svg(drift))
    return _environment().get_template("picture.html.j2").render(title=f"{drift.title}: drift", svg=svg)


def _environment() -> Environment:
    loader = FileSystemLoader(Path(__file__).parent)
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)


def _rows(drift: Drift) -> Iterator[dict[str, Any]]:
    covered: list[State] = ["exact" if drift.covered_at(at) else "fails" for at in range(len(drift.steps))]
    yield {"head": False, "name": _ANY, "bars": [*_bars(drift, covered, _ANY)]}
    for one in drift.sets:
        yield {"head": True, "name": _heading(one), "bars": []}
        for row in one.rows:
            states = [outcome.state for outcome in row.outcomes]
            yield {"head": False, "name": row.patch, "bars": [*_bars(drift, states, row.patch, row)]}


def _heading(one: PatchSet) -> str:
    pins = one.pins[0] if len(one.pins) == 1 else f"{one.pins[-1]} to {one.pins[0]}"
    return f"{pins}: {one.name}"


def _bars(drift: Drift, states: list[State], name: str, row: Row | None = None) -> Iterator[dict[str, Any]]:
    start = 0
    for at in range(1, len(states) + 1):
        if at < len(states) and states[at] == states[start]:
            continue
        left, right = _x(drift, start), _x(drift, at)
        first, last = drift.steps[start], drift.steps[at - 1]
        text = f"{name}: {_STATES[states[start]][0]}; {at - start} {drift.steps_are}, {first.date} to {last.date}"
        why = f"; {row.outcomes[start].why}" if row and states[start] in ("3-way", "fails") else ""
        width = round(max(right - left, 0.75), 2)  # a commit or two must still be seen
        yield {"x": left, "width": width, "class": _class(states[start]), "text": text + why}
        start = at


def _ticks(drift: Drift) -> Iterator[dict[str, Any]]:
    days = [datetime.date.fromisoformat(step.date) for step in drift.steps]
    months = (days[-1] - days[0]).days / 30
    every = next((every for every in (1, 2, 3, 6, 12, 24) if months / every <= 14), 48)
    year, month = days[0].year, 1
    while datetime.date(year, month, 1) <= days[-1]:
        if datetime.date(year, month, 1) >= days[0]:
            yield {"x": _place(drift, datetime.date(year, month, 1)), "text": f"{year}-{month:02}"}
        year, month = year + (month + every - 1) // 12, (month + every - 1) % 12 + 1


def _x(drift: Drift, at: int) -> float:
    if at >= len(drift.steps):
        return float(_WIDTH - _MARGIN)
    return _place(drift, datetime.date.fromisoformat(drift.steps[at].date))


def _place(drift: Drift, day: datetime.date) -> float:
    begin = datetime.date.fromisoformat(drift.steps[0].date)
    whole = max((datetime.date.fromisoformat(drift.steps[-1].date) - begin).days, 1)
    share = min(max((day - begin).days / whole, 0.0), 1.0)
    return round(_LEFT + share * (_WIDTH - _MARGIN - _LEFT), 2)


def _class(state: State) -> str:
    return f"s-{state}"
