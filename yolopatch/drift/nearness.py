"""Which set of patches comes nearest to a commit."""

from __future__ import annotations

import datetime
from collections.abc import Iterable

Nearness = tuple[int, bool, int, datetime.timedelta]


def neighbours(dates: Iterable[datetime.date], day: datetime.date) -> frozenset[datetime.date]:
    """The last of `dates` up to a day and the first from it on."""
    known = sorted(set(dates))
    before, after = [date for date in known if date <= day], [date for date in known if date >= day]
    return frozenset((*before[-1:], *after[:1]))


def nearness(
    ours: int, others: int, dates: Iterable[datetime.date], beside: frozenset[datetime.date], day: datetime.date
) -> Nearness:
    """The smaller, the nearer: RevCol's patches fit; its pin is the last before the commit or the first after it;
    the other patches fit; its pin is near in time.

    Args:
        ours: How many of RevCol's patches do not fit.
        others: How many of the other patches do not fit.
        dates: Of the set's pins.
        beside: The `neighbours` of the day among the dates of all sets.
        day: Of the commit.
    """
    mine = list(dates)
    return ours, beside.isdisjoint(mine), others, min(abs(date - day) for date in mine)
