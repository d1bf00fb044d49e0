"""How the patches of a YOLO fare at every commit of its history."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yolopatch.catalog import Catalog, Pin, Upstream
from yolopatch.console import Reporter
from yolopatch.drift.ledger import Ledger
from yolopatch.drift.model import Drift, PatchSet, Row
from yolopatch.drift.walk import walk
from yolopatch.series.slots import Outcome, Slot
from yolopatch.series.trial import Bench
from yolopatch.sources import Cache
from yolopatch.sources.history import History, Step, opened, refresh
from yolopatch.workflows.drift_build import LEVEL, VARIANT, Builder
from yolopatch.workflows.patch_sets import SlotSet, all_patches, all_paths, slot_sets
from yolopatch.workflows.release_line import release_line, releases_between
from yolopatch.workflows.revisions import commit_of
from yolopatch.workflows.slots import patch_name


@dataclass(frozen=True)
class DriftRequest:
    """What the user asked for. `first` and `last` are revisions; None: the oldest pin, the remote's HEAD."""

    yolo: str
    first: str | None = None
    last: str | None = None
    pin: str | None = None
    """Only the set of this pin; None: the sets of all."""
    remote: str | None = None
    offline: bool = False
    build: bool = False
    """Also build the model of each commit."""
    variant: str = VARIANT
    level: str = LEVEL
    """How far: `build`, or `forward` too."""
    releases: str | None = None
    """A span of versions in the package registry (`8.0.20..`) in place of commits."""
    every: int = 1
    """Of these one in so many, and the newest of each minor version."""
    jobs: int | None = None
    """How many at a time; None: one a core, four at most."""


def drift(request: DriftRequest, reporter: Reporter, catalog: Catalog | None = None) -> Drift:
    """Try every patch at every commit of first parents from `first` to `last`.

    Raises:
        RequestError: a name or revision is unknown, there are no commits between them, or a patch is wrong.
        EnvironmentFailed: no git host answers, or the history lacks files.
    """
    catalog = catalog or Catalog()
    upstream = catalog.upstream(request.yolo)
    sets = slot_sets(catalog, upstream, catalog.pin(upstream, request.pin) if request.pin else None)
    paths = sorted(all_paths(sets))
    cache = Cache.default()
    with opened(upstream.repository, cache, reporter) as history:
        steps, trees = _line(request, upstream, history, paths, cache, reporter)
        started = time.monotonic()
        pins = _pins_at(history, upstream, sets, paths)
        ledger = Ledger(history.answers, Bench(history.bench), all_patches(sets))
        with reporter.task("trying the patches") as task:
            ledger.told = lambda asked: task.update(text=f"trying the patches: {asked}")
            try:
                _fetch_files(history, steps if trees is None else (), pins)
                _try_originals(ledger, pins, sets)
                outcomes = [walk(one.slots, steps, ledger).rows for one in sets]
                builder = _builder(request, catalog, upstream, history, sets, steps, trees, ledger, cache, reporter)
                if builder:
                    builder.fetch()
            finally:  # what was found out before a Ctrl-C need not be asked again
                with cache.explained():
                    ledger.save()
        seconds = time.monotonic() - started
    jobs = request.jobs or min(os.cpu_count() or 1, 4)
    builds = builder.build_all(jobs) if builder else ()  # hours, maybe: others may use the history
    result = tuple(_result(one, rows, catalog, upstream) for one, rows in zip(sets, outcomes, strict=True))
    return Drift(
        upstream.yolo,
        upstream.title,
        steps,
        result,
        ledger.asked,
        seconds,
        "releases" if request.releases else "commits",
        builds,
    )


def _builder(
    request: DriftRequest,
    catalog: Catalog,
    upstream: Upstream,
    history: History,
    sets: Sequence[SlotSet],
    steps: Sequence[Step],
    trees: Mapping[str, list[tuple[str, str]]] | None,
    ledger: Ledger,
    cache: Cache,
    reporter: Reporter,
) -> Builder | None:
    if not request.build:
        return None
    return Builder(
        catalog, upstream, history, sets, steps, ledger, cache, reporter, request.variant, request.level, trees
    )


def _line(
    request: DriftRequest, upstream: Upstream, history: History, paths: Sequence[str], cache: Cache, reporter: Reporter
) -> tuple[tuple[Step, ...], Mapping[str, list[tuple[str, str]]] | None]:
    """The commits, or the releases with their files."""
    if request.releases is not None:
        chosen = releases_between(upstream, request.releases, request.every)
        found = release_line(upstream, chosen, paths, Bench(history.bench), cache, reporter)
        return found.steps, found.trees
    if not request.offline:
        refresh(history, upstream.urls(request.remote))
    oldest = min((pin for pin in upstream.pins if pin.origins.git), key=lambda pin: pin.date)
    first = commit_of(history, upstream, request.first or oldest.name, offline=request.offline)
    last = commit_of(history, upstream, request.last or "HEAD", offline=request.offline)
    with reporter.task(f"reading the history from {first[:12]} to {last[:12]}"):
        return history.line(first, last, paths), None


def _pins_at(
    history: History, upstream: Upstream, sets: Sequence[SlotSet], paths: Sequence[str]
) -> list[tuple[Pin, Step]]:
    """The pins that this history has, with their files: patches were made on these."""
    found = []
    for pin in (pin for one in sets for pin in one.pins):
        if pin.commit is not None and history.resolve(pin.commit) is not None:
            found.append((pin, history.line(pin.commit, pin.commit, paths)[0]))
    return found


def _fetch_files(history: History, steps: Sequence[Step], pins: Sequence[tuple[Pin, Step]]) -> None:
    history.fill({blob for step in (*steps, *(step for _, step in pins)) for _, _, blob in step.blobs})


def _try_originals(ledger: Ledger, pins: Sequence[tuple[Pin, Step]], sets: Sequence[SlotSet]) -> None:
    """Apply each pin's patches to it, so that the files which later patches of a series were made on are there."""
    slots = {pin.name: one.slots for one in sets for pin in one.pins}
    for pin, step in pins:
        walk(slots[pin.name], [step], ledger)


def _result(one: SlotSet, outcomes: tuple[tuple[Outcome, ...], ...], catalog: Catalog, upstream: Upstream) -> PatchSet:
    rows = tuple(
        Row(_names(catalog, upstream, slot), slot.patch.subject, slot.ours, along)
        for slot, along in zip(one.slots, outcomes, strict=True)
    )
    names, dates = tuple(pin.name for pin in one.pins), tuple(pin.date for pin in one.pins)
    return PatchSet(one.name, names, dates, rows)


def _names(catalog: Catalog, upstream: Upstream, slot: Slot) -> tuple[str, ...]:
    return tuple(patch_name(catalog, upstream, patch) for patch in slot.choices)
