"""The order of measuring: every model has its turn in every round, so that a machine's drift hits all alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from yolopatch.compare.kept import Failed, Group, Round, Tape
from yolopatch.compare.model import How, Machine, Mode
from yolopatch.errors import CheckFailed

FIRST_WARMUP = 2
_SLOW = 1.0  # seconds; a run that takes longer needs no warm-up after the first turn

Found = dict[str, Any]
"""Fields of an `Entry`."""


class Asked(Protocol):
    """A process that measures one model."""

    def ask(self, what: str, **order: Any) -> dict[str, Any]:
        """The facts, or `{"failed": why}`."""
        ...


@dataclass
class Subject:
    """One model and what is known of it so far."""

    name: str
    alive: Asked
    fresh: Callable[[int | None], Asked]
    """One whose every order has a process of its own; with that many columns, or as the YAML says."""
    found: Found = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    machine: Machine | None = None

    def ask(self, part: str, what: str, **order: Any) -> dict[str, Any] | None:
        """The facts; None where it fails, which is noted and spares the rest of that part."""
        return self._asked(self.alive, part, what, order)

    def ask_fresh(self, columns: int | None, part: str, what: str, **order: Any) -> dict[str, Any] | None:
        """The same of a fresh process."""
        return self._asked(self.fresh(columns), part, what, order)

    @property
    def modes(self) -> tuple[Mode, ...]:
        """The modes that it trains in, the default first."""
        static = self.found.get("static")
        return ("exact", "plain") if static and static["reversible"] else ("plain",)

    def _asked(self, process: Asked, part: str, what: str, order: dict[str, Any]) -> dict[str, Any] | None:
        if part in self.failed:
            return None
        facts = process.ask(what, **order)
        if "failed" in facts:
            self.failed[part] = str(facts["failed"])
            return None
        return facts


@dataclass
class Schedule:
    """Measures a group of subjects; `say` hears of each turn: what, and how many of how many are done.

    Rounds that the group `number` has on the tape are not measured again, and every whole round goes there.
    """

    how: How
    say: Callable[[str, int, int], None]
    tape: Tape = field(default_factory=Tape)
    number: int = 0
    _done: int = 0
    _total: int = 0

    @property
    def _group(self) -> Group:
        return self.tape.group(self.number)

    def run(self, subjects: Sequence[Subject]) -> None:
        """Fill in what the subjects have found.

        Raises:
            CheckFailed: a model of which rounds are kept cannot be built any more.
        """
        steps = {
            "static": self._static,
            "latency": self._latency,
            "training": self._training,
            "memory": self._memory,
            "onnx": self._onnx,
        }
        self._total += len(subjects) * self._turns()
        for part, step in steps.items():
            if part in self.how.parts or part == "static":
                step(subjects)

    def _turns(self) -> int:
        how = self.how
        each = {
            "latency": len(how.imgsz) * len(how.batch) * how.rounds,
            "training": how.rounds,
            "memory": 2 + 2 * len(how.columns),
            "onnx": 1 + how.rounds,
        }
        return 1 + sum(turns for part, turns in each.items() if part in how.parts)

    def _turn(self, text: str) -> None:
        self.say(text, min(self._done, self._total), self._total)
        self._done += 1

    def _static(self, subjects: Sequence[Subject]) -> None:
        for subject in subjects:
            self._turn(f"{subject.name}: parameters and operations")
            facts = subject.ask("static", "static", sizes=list(self.how.imgsz))
            if facts is not None:
                subject.machine = Machine.model_validate(facts.pop("machine"))
                subject.found["static"] = facts
        machine = next((subject.machine for subject in subjects if subject.machine), None)
        if machine is not None:
            self.tape.on(machine)
        self._take_failures(subjects)

    def _take_failures(self, subjects: Sequence[Subject]) -> None:
        """What failed in an earlier sitting has no times in its rounds, so it cannot join the later ones."""
        group = self._group
        if not group.series and not group.memory:
            return
        for subject in subjects:
            before = group.failed.get(subject.name, {})
            if "static" in subject.failed and "static" not in before:
                raise CheckFailed(
                    f"{subject.name}: {subject.failed['static']}; it could be measured when the kept rounds were: "
                    "put right what changed, or measure anew by --fresh"
                )
            # Memory has no rounds: where none was measured, it is tried again.
            again = ("static",) if subject.name in group.memory else ("static", "memory")
            subject.failed.update({part: why for part, why in before.items() if not part.startswith(again)})

    def _latency(self, subjects: Sequence[Subject]) -> None:
        for size in self.how.imgsz:
            for batch in self.how.batch:
                order = {"size": size, "batch": batch}
                text = f"forward {size}x{size}, batch {batch}"
                series = f"latency {size} {batch}"
                for subject, rounds in self._rounds(subjects, series, "forward", text, [order]):
                    one = {"imgsz": size, "batch": batch, "rounds": rounds[0]}
                    subject.found.setdefault("latency", []).append(one)

    def _training(self, subjects: Sequence[Subject]) -> None:
        orders = [{"size": self.how.train_imgsz, "batch": self.how.train_batch}]
        for subject, rounds in self._rounds(subjects, "training", "step", "training step", orders):
            found = zip(subject.modes, rounds, strict=True)
            subject.found["training"] = [{"mode": mode, "rounds": one} for mode, one in found]

    def _rounds(
        self, subjects: Sequence[Subject], series: str, what: str, text: str, orders: list[dict[str, Any]]
    ) -> Iterator[tuple[Subject, list[list[list[float]]]]]:
        """Each subject with its seconds, by order (or mode), by round, by run; those that failed are left out.

        The first word of `series` is the part.
        """
        part = series.partition(" ")[0]
        before = self._whole(series)
        self._done += before * len(subjects)
        for number in range(before, self.how.rounds):
            load = _load()
            times: dict[str, list[list[float]]] = {}
            for subject in subjects:
                self._turn(f"{subject.name}: {text}, round {number + 1} of {self.how.rounds}")
                effort = self._effort(series, subject, number == before)
                for place, order in enumerate(self._orders(subject, what, orders)):
                    facts = subject.ask(part, what, **order, **effort(place))
                    if facts is not None:
                        times.setdefault(subject.name, []).append(facts["seconds"])
            self.tape.add_round(self.number, series, Round(load=load, times=times), _failed(subjects))
        whole = self._group.series.get(series, [])
        for subject in subjects:
            if part not in subject.failed:
                each = [one.times[subject.name] for one in whole]
                yield subject, [list(runs) for runs in zip(*each, strict=True)]

    def _whole(self, series: str) -> int:
        """How many rounds are there already."""
        return len(self._group.series.get(series, []))

    def _orders(self, subject: Subject, what: str, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if what != "step":
            return orders
        return [{**order, "mode": mode} for order in orders for mode in subject.modes]

    def _effort(self, series: str, subject: Subject, first: bool) -> Callable[[int], dict[str, Any]]:
        """How much of a turn, by order: the first of a sitting warms up for longer."""

        def effort(place: int) -> dict[str, Any]:
            warmup = FIRST_WARMUP
            if not first:
                whole = self._group.series.get(series)
                runs = whole[0].times.get(subject.name, []) if whole else []
                warmup = 0 if place < len(runs) and min(runs[place]) > _SLOW else 1
            return {"warmup": warmup, "seconds": self.how.seconds}

        return effort

    def _memory(self, subjects: Sequence[Subject]) -> None:
        for subject in subjects:
            columns = [None, *self.how.columns] if len(subject.modes) > 1 else [None]
            peaks = self._group.memory.get(subject.name)
            if peaks is not None:
                self._done += len(columns) * len(subject.modes)
            else:
                peaks = self._peaks(subject, columns)
                if peaks:
                    self.tape.add_memory(self.number, subject.name, peaks, _failed(subjects))
            if peaks:
                subject.found["memory"] = peaks

    def _peaks(self, subject: Subject, wanted: Sequence[int | None]) -> list[dict[str, Any]]:
        order = {"size": self.how.train_imgsz, "batch": self.how.train_batch}
        found = []
        for columns in wanted:
            for mode in subject.modes:
                shown = f", {columns} columns" if columns else ""
                self._turn(f"{subject.name}: memory of a training step, {mode} mode{shown}")
                facts = subject.ask_fresh(columns, f"memory{shown}", "memory", mode=mode, **order)
                if facts is not None:
                    found.append({"mode": mode, "columns": columns, **facts})
        return found

    def _onnx(self, subjects: Sequence[Subject]) -> None:
        size = self.how.imgsz[0]
        exported = self._group.exported
        if self._whole("onnx") >= self.how.rounds:
            self._done += len(subjects)
        else:
            for subject in subjects:
                self._turn(f"{subject.name}: export to ONNX")
                facts = subject.ask("onnx", "export", size=size)
                if facts is not None:
                    one = {"imgsz": size, "bytes": facts["bytes"], "export_seconds": facts["seconds"]}
                    exported.setdefault(subject.name, one)
        for subject, rounds in self._rounds(subjects, "onnx", "onnx", "onnxruntime", [{"size": size}]):
            subject.found["onnx"] = {**exported[subject.name], "rounds": rounds[0]}


def _failed(subjects: Sequence[Subject]) -> Failed:
    return {subject.name: subject.failed for subject in subjects}


def _load() -> float | None:
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
