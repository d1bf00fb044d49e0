"""A pin for a commit that is none of ours: the patches that fit it, out of those of all pins."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Catalog, Origins, Pin, Upstream
from yolopatch.catalog.names import unknown
from yolopatch.console import Reporter
from yolopatch.drift.ledger import Ledger
from yolopatch.drift.nearness import Nearness, nearness, neighbours
from yolopatch.drift.walk import walk
from yolopatch.errors import CheckFailed, RequestError
from yolopatch.series.slots import FITS, Outcome, Slot
from yolopatch.series.trial import Bench
from yolopatch.sources import Cache, GitSource, Tree, obtain
from yolopatch.sources.history import Step, look_up, opened, refresh
from yolopatch.workflows.patch_sets import SlotSet, all_patches, all_paths, slot_sets
from yolopatch.workflows.slots import patch_name

_FULL_ID = 40
_SHORT_ID = 12


@dataclass(frozen=True)
class Fitted:
    """A pin made for one commit."""

    pin: Pin
    like: str
    """The pin whose series come nearest to fitting, and whose peculiarities are assumed."""
    patches: tuple[Path, ...]
    stand_ins: tuple[str, ...]
    """Those of the patches that another series has."""
    left_out: tuple[tuple[str, str], ...]
    """`compat` patches that neither apply nor are needless, with the reason."""


@dataclass(frozen=True)
class Fit:
    """A set at one commit, and what became of each of its slots."""

    set: SlotSet
    outcomes: tuple[Outcome, ...]
    """Of `set.all_slots`."""

    def misfits(self, *, ours: bool) -> list[tuple[Slot, Outcome]]:
        """Slots of the set itself that nothing fits."""
        pairs = [pair for pair in zip(self.set.all_slots, self.outcomes, strict=True) if pair[0] in self.set.slots]
        return [(slot, outcome) for slot, outcome in pairs if slot.ours is ours and outcome.state not in FITS]


def fit_commit(
    catalog: Catalog,
    upstream: Upstream,
    revision: str,
    *,
    stock: bool,
    remote: str | None,
    offline: bool,
    cache: Cache,
    reporter: Reporter,
) -> Fitted:
    """A pin for the commit that `revision` names: an id, a tag or a branch of upstream's.

    Raises:
        RequestError: upstream has no such revision.
        CheckFailed: no series fits; `detail` has a line a patch.
        EnvironmentFailed: no git host answers.
    """
    urls = upstream.urls(remote)
    commit = commit_named(upstream, revision, urls, offline=offline, cache=cache, reporter=reporter)
    source = GitSource(urls, commit, upstream.sparse)
    tree = obtain("git", source, None, cache=cache, reporter=reporter, offline=offline)
    assert tree.provenance.date is not None
    date = datetime.date.fromisoformat(tree.provenance.date)
    fit = nearest(fits_of(slot_sets(catalog, upstream), tree, cache), date, stock=stock)
    _refuse(catalog, upstream, revision, fit, stock=stock)
    like = fit.set.pin_near(date)
    pin = like.model_copy(
        update={"name": name_for(revision, commit), "commit": commit, "date": date, "origins": Origins()}
    )
    wanted = [
        (slot, outcome)
        for slot, outcome in zip(fit.set.all_slots, fit.outcomes, strict=True)
        if outcome.state in FITS and outcome.used is not None and not (stock and slot.ours)
    ]
    chosen = [
        (slot.choices[outcome.used or 0], bool(outcome.used) or slot in fit.set.further) for slot, outcome in wanted
    ]
    return Fitted(
        pin=pin,
        like=like.name,
        patches=tuple(patch.file for patch, _ in chosen),
        stand_ins=tuple(patch_name(catalog, upstream, patch) for patch, other in chosen if other),
        left_out=tuple(
            (patch_name(catalog, upstream, slot.patch), outcome.why) for slot, outcome in fit.misfits(ours=False)
        ),
    )


def commit_named(
    upstream: Upstream, revision: str, urls: Sequence[str], *, offline: bool, cache: Cache, reporter: Reporter
) -> str:
    """The commit that `revision` names: an id (seven digits are enough), a tag or a branch of upstream's.

    Raises:
        RequestError: upstream has none of that name.
        EnvironmentFailed: no git host answers.
    """
    if len(revision) == _FULL_ID and set(revision) <= set("0123456789abcdef"):
        return revision
    found = None if offline else look_up(urls, revision)
    if found is None:
        with opened(upstream.repository, cache, reporter) as history:
            found = history.resolve(revision)
            if found is None and not offline and set(revision) <= set("0123456789abcdef") and len(revision) >= 7:
                refresh(history, urls)  # the id's beginning is of use to who has the history
                found = history.resolve(revision)
    if found is None:
        error = unknown(f"pin of {upstream.title}", revision, [pin.name for pin in upstream.pins])
        raise RequestError(f"{error}; upstream has no tag, branch or commit of that name either")
    return found


def fits_of(sets: Sequence[SlotSet], tree: Tree, cache: Cache) -> list[Fit]:
    """What becomes of every slot on the files of `tree`."""
    paths = all_paths(sets)
    entries = [entry for entry in tree.entries if entry.path in paths]
    step = Step("", "", "", tuple((entry.path, entry.mode, entry.blob) for entry in entries))
    with cache.scratch() as scratch:
        bench = Bench.create(scratch / "bench.git", [tree.read(entry.path) for entry in entries])
        ledger = Ledger(scratch / "answers.json", bench, all_patches(sets))
        return [
            Fit(one, tuple(row[0] for row in walk(one.all_slots, [step], ledger, merge=False).rows)) for one in sets
        ]


def nearest(fits: Sequence[Fit], date: datetime.date, *, stock: bool) -> Fit:
    """The one that comes nearest to a commit of that date (see `nearness`)."""
    beside = neighbours((pin.date for fit in fits for pin in fit.set.pins), date)

    def distance(fit: Fit) -> Nearness:
        ours = 0 if stock else len(fit.misfits(ours=True))
        return nearness(ours, len(fit.misfits(ours=False)), [pin.date for pin in fit.set.pins], beside, date)

    return min(fits, key=distance)


def _refuse(catalog: Catalog, upstream: Upstream, revision: str, fit: Fit, *, stock: bool) -> None:
    misfits = [] if stock else fit.misfits(ours=True)
    if not misfits:
        return
    lines = [f"{patch_name(catalog, upstream, slot.patch)}: {outcome.why}" for slot, outcome in misfits]
    raise CheckFailed(
        f"RevCol's patches do not fit {upstream.title} {revision}; "
        f"yolopatch drift --yolo {upstream.yolo} shows which commits they fit",
        detail="\n".join(lines),
    )


def name_for(revision: str, commit: str) -> str:
    """What a pin of that commit is called: as the tag or branch, or the beginning of its id, always as long."""
    plain = all(letter.isalnum() or letter in "._-" for letter in revision) and revision[0].isalnum()
    named = plain and revision.isascii() and not commit.startswith(revision)
    return revision if named else commit[:_SHORT_ID]
