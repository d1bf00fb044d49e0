"""Which series a commit between two pins gets."""

from __future__ import annotations

import datetime

from yolopatch.drift.nearness import nearness, neighbours

DAYS = {name: datetime.date(2024, 1, day) for name, day in {"a": 1, "b": 10, "c": 20, "new": 31}.items()}


def nearest(day, misfits):
    """The name of the set; `misfits` of ours and of others by the set's name, each with one pin."""
    beside = neighbours(DAYS.values(), day)
    return min(misfits, key=lambda name: nearness(*misfits[name], [DAYS[name]], beside, day))


def test_ours_have_to_fit_before_anything_else():
    assert nearest(datetime.date(2024, 1, 9), {"a": (1, 0), "b": (1, 0), "c": (0, 3), "new": (1, 0)}) == "c"


def test_a_pin_beside_the_commit_goes_before_one_that_needs_nothing():
    """A much later pin whose upstream needs no mending would fit everything, and knows nothing of that time."""
    assert nearest(datetime.date(2024, 1, 9), {"a": (0, 2), "b": (0, 1), "c": (0, 0), "new": (0, 0)}) == "b"


def test_of_the_two_beside_it_the_one_that_fits_better_and_else_the_nearer():
    assert nearest(datetime.date(2024, 1, 9), {"a": (0, 0), "b": (0, 1)}) == "a"
    assert nearest(datetime.date(2024, 1, 9), {"a": (0, 1), "b": (0, 1)}) == "b"


def test_before_the_first_and_after_the_last_there_is_one_neighbour():
    assert neighbours(DAYS.values(), datetime.date(2023, 1, 1)) == {DAYS["a"]}
    assert neighbours(DAYS.values(), datetime.date(2025, 1, 1)) == {DAYS["new"]}
    assert neighbours(DAYS.values(), DAYS["b"]) == {DAYS["b"]}
