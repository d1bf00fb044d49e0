"""The distinct lists of series that the pins of a YOLO name, as slots."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

from yolopatch.catalog import Catalog, Pin, Upstream
from yolopatch.errors import RequestError
from yolopatch.series.patchfile import Patch
from yolopatch.series.slots import Slot
from yolopatch.workflows.slots import further_slots, slots_of


@dataclass(frozen=True)
class SlotSet:
    """One list of series, and the pins that name it."""

    name: str
    """The series, `compat + revcol`."""
    pins: tuple[Pin, ...]
    slots: tuple[Slot, ...]
    further: tuple[Slot, ...] = ()
    """What other lists have beside these, `compat` only."""

    @property
    def all_slots(self) -> tuple[Slot, ...]:
        """All of them, in the order in which they are filled: `compat`, further ones, ours."""
        compat = tuple(slot for slot in self.slots if not slot.ours)
        return (*compat, *self.further, *self.slots[len(compat) :])

    def pin_near(self, date: datetime.date) -> Pin:
        """The pin of these that is nearest in time."""
        return min(self.pins, key=lambda pin: abs(pin.date - date))

    @property
    def patches(self) -> frozenset[Patch]:
        """All patches, stand-ins too."""
        return frozenset(patch for slot in self.all_slots for patch in slot.choices)

    @property
    def paths(self) -> frozenset[str]:
        """The files that they touch."""
        return frozenset(path for slot in self.all_slots for path in slot.paths)


def all_patches(sets: Iterable[SlotSet]) -> frozenset[Patch]:
    """The patches of all sets."""
    return frozenset().union(*(one.patches for one in sets))


def all_paths(sets: Iterable[SlotSet]) -> frozenset[str]:
    """The files that they touch."""
    return frozenset().union(*(one.paths for one in sets))


def slot_sets(catalog: Catalog, upstream: Upstream, only: Pin | None = None) -> list[SlotSet]:
    """The lists that pins of upstream's own commits and releases name, in their order; or only that of `only`.

    Raises:
        RequestError: there are none, or a patch is missing or wrong.
    """
    by_series: dict[tuple[str, ...], list[Pin]] = {}
    for pin in upstream.pins:
        if _is_upstreams(upstream, pin) and (only is None or pin is only):
            by_series.setdefault(pin.series, []).append(pin)
    if not by_series:
        raise RequestError(f"no pin of {upstream.title} that is asked about is a commit or release of upstream's own")
    return [
        SlotSet(
            " + ".join(names),
            tuple(pins),
            slots_of(catalog, upstream, names),
            further_slots(catalog, upstream, names),
        )
        for names, pins in by_series.items()
    ]


def _is_upstreams(upstream: Upstream, pin: Pin) -> bool:
    """Whether its files are upstream's own, not those of some package made from them."""
    package = pin.origins.pypi
    released = upstream.releases is not None and package is not None and package.layout == upstream.releases.layout
    return pin.origins.git or released
