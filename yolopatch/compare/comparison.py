"""Documents put together: which numbers may stand beside which, and what has to be said about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase

from yolopatch.compare.model import Document, Entry, Machine
from yolopatch.errors import RequestError


@dataclass(frozen=True)
class Member:
    """One model of a comparison. `mark` is its machine's letter, empty where there is one machine only."""

    name: str
    entry: Entry
    document: Document
    mark: str

    @property
    def is_stock(self) -> bool:
        """Whether it is upstream's own model."""
        return self.entry.variant.partition("-")[0] == "stock"


@dataclass(frozen=True)
class Note:
    """Something a reader must know: the key of a sentence of `strings.yaml`, and what is filled in."""

    key: str
    values: dict[str, str]


class Comparison:
    """Members in order, and the one that ratios are taken to.

    Raises:
        RequestError: there is no such baseline, or the models differ in classes or in the data of their runs.
    """

    def __init__(self, documents: Sequence[Document], baseline: str | None = None) -> None:
        self.documents = tuple(documents)
        machines = [one.machine for one in documents if one.machine is not None]
        self.machines: tuple[Machine, ...] = tuple(dict.fromkeys(machines))
        self.members = self._members()
        check_entries([member.entry for member in self.members])
        self.baseline = self._baseline(baseline)

    @cached_property
    def replaced(self) -> tuple[str, ...]:
        """Models of an older document that a newer one of the same machine has too."""
        return tuple(entry.name for document, entry in self._all() if self._newest(document, entry) is not document)

    def mark(self, machine: Machine | None) -> str:
        """The letter of a machine; empty where there is one only."""
        if machine is None or len(self.machines) < 2:
            return ""
        number = self.machines.index(machine)
        return ascii_uppercase[number] if number < len(ascii_uppercase) else str(number)

    def notes(self) -> list[Note]:
        """What has to be said, the weightiest first."""
        found = []
        if len(self.machines) > 1:
            several = len({machine.host for machine in self.machines}) > 1
            found.append(Note("note_machines" if several else "note_conditions", {}))
        elif sum(1 for document in self.documents if document.entries) > 1:
            found.append(Note("note_times", {}))
        if any(document.how.groups > 1 for document in self.documents):
            found.append(Note("note_groups", {}))
        found += [_sittings_note(one) for one in self.documents if len(one.sittings) > 1]
        if self.replaced:
            found.append(Note("note_replaced", {"names": ", ".join(self.replaced)}))
        found += [Note("note_failed", {"name": member.name, "what": what, "why": why})
                  for member in self.members for what, why in member.entry.failed.items()]  # fmt: skip
        found += [Note("note_left_out", {"why": why}) for one in self.documents for why in one.left_out]
        edited = [member.name for member in self.members if member.entry.edited]
        if edited:
            found.append(Note("note_edited", {"names": ", ".join(edited)}))
        return [*found, *self._training_notes()]

    def _training_notes(self) -> list[Note]:
        runs = [run for member in self.members for run in member.entry.runs]
        found = []
        for name in ("epochs", "imgsz", "batch"):
            values = sorted({getattr(run, name) for run in runs})
            if len(values) > 1:
                found.append(Note("note_trainings", {"what": name, "values": ", ".join(map(str, values))}))
        return found

    def _all(self) -> list[tuple[Document, Entry]]:
        return [(document, entry) for document in self.documents for entry in document.entries]

    def _newest(self, document: Document, entry: Entry) -> Document:
        same = [other for other, found in self._all() if found.name == entry.name and other.machine == document.machine]
        return max(same, key=lambda other: other.made)

    def _members(self) -> tuple[Member, ...]:
        found = []
        for document, entry in self._all():
            if self._newest(document, entry) is document:
                mark = self.mark(document.machine)
                name = f"{entry.name} [{mark}]" if mark else entry.name
                found.append(Member(name, entry, document, mark))
        if not found:
            raise RequestError("there is nothing to compare: the files name no model")
        return tuple(found)

    def _baseline(self, wanted: str | None) -> Member:
        if wanted is None:
            return next((member for member in self.members if member.is_stock), self.members[0])
        for member in self.members:
            if wanted in (member.name, member.entry.name):
                return member
        names = ", ".join(f"'{member.name}'" for member in self.members)
        raise RequestError(f"--baseline '{wanted}' is none of the models; they are {names}")


def _sittings_note(document: Document) -> Note:
    """When the rounds of an interrupted measuring were measured; without the language's words between."""
    told = []
    for one in document.sittings:
        parts = ", ".join(f"{part} {count}" for part, count in one.rounds.items())
        told.append(f"{one.began} - {one.ended}: {parts}")
    return Note("note_sittings", {"count": str(len(told)), "sittings": "; ".join(told)})


def check_entries(entries: Sequence[Entry]) -> None:
    """Raise `RequestError` where models cannot stand in one table: other classes, or runs on other data sets."""
    first = entries[0]
    for entry in entries:
        if entry.classes != first.classes:
            raise RequestError(
                f"'{first.name}' has {first.classes} classes and '{entry.name}' {entry.classes}, which is another "
                "head with other costs; compare workspaces that were made with the same --nc"
            )
    trained = [(entry, run) for entry in entries for run in entry.runs]
    for entry, run in trained:
        other, its = trained[0]
        if run.classes != its.classes or run.data != its.data:
            raise RequestError(
                f"run '{run.name}' of '{entry.name}' was trained on another data set ({run.data}, "
                f"{len(run.classes)} classes) than run '{its.name}' of '{other.name}' ({its.data}, "
                f"{len(its.classes)} classes); name runs on one data set by --run, or leave results out by --no-runs"
            )
