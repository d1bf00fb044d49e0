"""The result of a drift: what each patch of each set does at each commit."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any

from yolopatch.drift.builds import Build
from yolopatch.drift.nearness import Nearness, nearness, neighbours
from yolopatch.series.slots import FITS, STATES, Outcome
from yolopatch.sources.history import Step


@dataclass(frozen=True)
class Row:
    """One patch of a set along the history, or what stands in for it."""

    choices: tuple[str, ...]
    """Its name (`revcol/register`), and those of its stand-ins."""
    subject: str
    ours: bool
    """Of a `revcol` series; a `compat` patch may be left out, at the risk of what it mends."""
    outcomes: tuple[Outcome, ...]
    """One a commit, oldest first."""

    def runs(self) -> Iterator[tuple[int, int]]:
        """First and last commit of each stretch in which the state stays the same."""
        start = 0
        for at in range(1, len(self.outcomes) + 1):
            if at == len(self.outcomes) or self.outcomes[at].state != self.outcomes[start].state:
                yield start, at - 1
                start = at

    def breaks(self) -> Iterator[int]:
        """The commits at which it stops to fit."""
        for at in range(1, len(self.outcomes)):
            if self.outcomes[at - 1].state in FITS and self.outcomes[at].state not in FITS:
                yield at

    @property
    def patch(self) -> str:
        """Its name."""
        return self.choices[0]

    @property
    def fits(self) -> int:
        """At how many commits it applies or is not needed."""
        return sum(outcome.state in FITS for outcome in self.outcomes)


@dataclass(frozen=True)
class PatchSet:
    """The patches that some pins name, along the history."""

    name: str
    """The series, `compat + revcol`."""
    pins: tuple[str, ...]
    dates: tuple[datetime.date, ...]
    """Of the pins."""
    rows: tuple[Row, ...]

    def fits_at(self, at: int) -> bool:
        """Whether each of them applies to a commit or is not needed there."""
        return not self.misfits(at)

    def misfits(self, at: int) -> tuple[Row, ...]:
        """Those that neither apply to a commit nor are needless there; ours first."""
        found = [row for row in self.rows if row.outcomes[at].state not in FITS]
        return tuple(sorted(found, key=lambda row: not row.ours))


@dataclass(frozen=True)
class Drift:
    """One upstream's history and all sets."""

    yolo: str
    title: str
    steps: tuple[Step, ...]
    sets: tuple[PatchSet, ...]
    asked: int
    """How many questions git was asked; the cache had the answers to the others."""
    seconds: float
    steps_are: str = "commits"
    """Or `releases`."""
    builds: tuple[Build, ...] = ()
    """Whether each commit's model runs, where that was asked for."""

    def covered_at(self, at: int) -> bool:
        """Whether the set that `apply` would take fits a commit whole."""
        return not self.nearest(at).misfits(at)

    @property
    def covered(self) -> int:
        """How many commits have a set that fits them whole."""
        return sum(self.covered_at(at) for at in range(len(self.steps)))

    def gaps(self) -> Iterator[tuple[int, int]]:
        """First and last commit of each stretch that no set fits and where the same patches stand in the way."""
        start, key = None, None
        for at in range(len(self.steps) + 1):
            now = self._obstacle(at) if at < len(self.steps) else None
            if now == key:
                continue
            if start is not None and key is not None:
                yield start, at - 1
            start, key = at, now

    def _obstacle(self, at: int) -> tuple[str, ...] | None:
        if self.covered_at(at):
            return None
        nearest = self.nearest(at)
        return (nearest.name, *(row.patch for row in nearest.misfits(at)))

    def nearest(self, at: int) -> PatchSet:
        """The set that `apply` would take (see `nearness`)."""
        return self._nearest[at]

    @cached_property
    def _nearest(self) -> tuple[PatchSet, ...]:
        return tuple(min(self.sets, key=partial(self._distance, at)) for at in range(len(self.steps)))

    def _distance(self, at: int, one: PatchSet) -> Nearness:
        day, misfits = datetime.date.fromisoformat(self.steps[at].date), one.misfits(at)
        ours = sum(row.ours for row in misfits)
        beside = neighbours((date for other in self.sets for date in other.dates), day)
        return nearness(ours, len(misfits) - ours, one.dates, beside, day)

    def served_at(self, at: int) -> bool:
        """Whether RevCol's patches fit a commit, whatever `compat` patches do."""
        return not any(row.ours for row in self.nearest(at).misfits(at))

    @property
    def served(self) -> int:
        """How many commits RevCol's patches fit."""
        return sum(self.served_at(at) for at in range(len(self.steps)))

    def to_json(self) -> dict[str, Any]:
        """Everything, for a program; commits by their ids."""
        return {
            "yolo": self.yolo,
            "from": _commit(self.steps[0]),
            "to": _commit(self.steps[-1]),
            "commits": len(self.steps),
            "covered": self.covered,
            "served": self.served,
            "asked": self.asked,
            "seconds": round(self.seconds, 2),
            "builds": [
                {**_commit(step), **asdict(build)} for step, build in zip(self.steps, self.builds, strict=False)
            ],
            "gaps": [
                {
                    "first": _commit(self.steps[first]),
                    "last": _commit(self.steps[last]),
                    "commits": last - first + 1,
                    "nearest": self.nearest(first).name,
                    "misfits": {row.patch: row.outcomes[first].why for row in self.nearest(first).misfits(first)},
                }
                for first, last in self.gaps()
            ],
            "sets": [self._set(one) for one in self.sets],
        }

    def _set(self, one: PatchSet) -> dict[str, Any]:
        fits = sum(one.fits_at(at) for at in range(len(self.steps)))
        return {
            "name": one.name,
            "pins": list(one.pins),
            "fits": fits,
            "patches": [self._row(row) for row in one.rows],
        }

    def _row(self, row: Row) -> dict[str, Any]:
        used = [outcome.used for outcome in row.outcomes if outcome.used is not None]
        stand_ins = {name: used.count(number) for number, name in enumerate(row.choices) if number and number in used}
        count = {state: sum(outcome.state == state for outcome in row.outcomes) for state in STATES}
        runs = [
            {
                "state": row.outcomes[first].state,
                "first": self.steps[first].commit,
                "last": self.steps[last].commit,
                "commits": last - first + 1,
            }
            for first, last in row.runs()
        ]
        breaks = [{**_commit(self.steps[at]), "where": row.outcomes[at].why} for at in row.breaks()]
        return {
            "name": row.patch,
            "subject": row.subject,
            "states": count,
            "stand_ins": stand_ins,
            "runs": runs,
            "breaks": breaks,
        }


def _commit(step: Step) -> dict[str, str]:
    return {"commit": step.commit, "date": step.date, "subject": step.subject}
