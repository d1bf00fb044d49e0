"""Fills the slots of a set, one after the other, at every commit at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yolopatch.drift.ledger import Ledger
from yolopatch.series.patchfile import Patch
from yolopatch.series.slots import Outcome, Slot
from yolopatch.series.trial import Answer, Files
from yolopatch.sources.history import Step

_State = dict[str, tuple[str, str]]


@dataclass(frozen=True)
class Walked:
    """What came of the slots of a set along a line of commits."""

    rows: tuple[tuple[Outcome, ...], ...]
    """One a slot, with one outcome a commit in it."""
    before: tuple[Files, ...]
    """The files of each commit that the set's patches touch."""
    files: tuple[Files, ...]
    """The same with all patches that apply."""


def walk(slots: Sequence[Slot], steps: Sequence[Step], ledger: Ledger, *, merge: bool = True) -> Walked:
    """Fill each slot at each commit. Without `merge` what applies by a 3-way merge only is left out.

    Commits at which all the files are the same are one case.
    """
    paths = frozenset().union(*(slot.paths for slot in slots)) if slots else frozenset()
    cases: dict[Files, int] = {}
    numbers = [cases.setdefault(tuple(one for one in step.blobs if one[0] in paths), len(cases)) for step in steps]
    states: list[_State] = [{path: (mode, blob) for path, mode, blob in files} for files in cases]
    rows = []
    for slot in slots:
        outcomes = _fill(slot, states, ledger, merge=merge)
        rows.append(tuple(outcomes[number] for number in numbers))
    files = [tuple((path, *state[path]) for path in sorted(state)) for state in states]
    before = list(cases)
    return Walked(tuple(rows), tuple(before[at] for at in numbers), tuple(files[at] for at in numbers))


def _fill(slot: Slot, states: Sequence[_State], ledger: Ledger, *, merge: bool) -> list[Outcome]:
    found: dict[int, Outcome] = {}
    why: dict[int, str] = {}
    for number, patch in enumerate(slot.choices):
        left = [at for at in range(len(states)) if at not in found]
        answers = ledger.answers("apply", [(patch, _files_of(patch, states[at])) for at in left])
        for at, answer in zip(left, answers, strict=True):
            if answer.yes:
                _put(patch, answer, states[at])
                found[at] = Outcome("offset" if answer.offset else "exact", why.get(at, ""), number)
            why.setdefault(at, answer.why)
    for patch in slot.choices:
        left = [at for at in range(len(states)) if at not in found]
        answers = ledger.answers("there", [(patch, _files_of(patch, states[at])) for at in left])
        found |= {at: Outcome("upstream", why[at], None) for at, there in zip(left, answers, strict=True) if there.yes}
    left = [at for at in range(len(states)) if at not in found]
    if slot.optional:
        found |= {at: Outcome("absent", why[at], None) for at in left if _lacks_all(slot, states[at])}
        left = [at for at in left if at not in found]
    answers = ledger.answers("merge", [(slot.patch, _files_of(slot.patch, states[at])) for at in left])
    for at, answer in zip(left, answers, strict=True):
        if answer.yes and merge:
            _put(slot.patch, answer, states[at])
        found[at] = Outcome("3-way", why[at]) if answer.yes else Outcome("fails", why[at], None)
    return [found[at] for at in range(len(states))]


def _files_of(patch: Patch, state: _State) -> Files:
    paths = sorted({change.path for change in patch.changes} & state.keys())
    return tuple((path, *state[path]) for path in paths)


def _put(patch: Patch, answer: Answer, state: _State) -> None:
    for change in patch.changes:
        state.pop(change.path, None)
    for path, mode, blob in answer.files:
        state[path] = (mode, blob)


def _lacks_all(slot: Slot, state: _State) -> bool:
    return not any(change.old is None or change.old in state for patch in slot.choices for change in patch.changes)
