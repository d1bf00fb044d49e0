"""The order of measuring: every model has its turn in every round, so that a machine's drift hits all alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from yolopatch.compare.model import How, Machine, Mode

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
    """Measures subjects; `say` hears of each turn: what, and how many of how many are done."""

    how: How
    say: Callable[[str, int, int], None]
    load: list[float] = field(default_factory=list)
    _done: int = 0
    _total: int = 0

    def run(self, subjects: Sequence[Subject]) -> None:
        """Fill in what the subjects have found."""
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

    def _round(self) -> None:
        if hasattr(os, "getloadavg"):
            self.load.append(round(os.getloadavg()[0], 2))

    def _static(self, subjects: Sequence[Subject]) -> None:
        for subject in subjects:
            self._turn(f"{subject.name}: parameters and operations")
            facts = subject.ask("static", "static", sizes=list(self.how.imgsz))
            if facts is not None:
                subject.machine = Machine.model_validate(facts.pop("machine"))
                subject.found["static"] = facts

    def _latency(self, subjects: Sequence[Subject]) -> None:
        for size in self.how.imgsz:
            for batch in self.how.batch:
                order = {"size": size, "batch": batch}
                text = f"forward {size}x{size}, batch {batch}"
                for subject, rounds in self._rounds(subjects, "latency", "forward", text, [order]):
                    one = {"imgsz": size, "batch": batch, "rounds": rounds[0]}
                    subject.found.setdefault("latency", []).append(one)

    def _training(self, subjects: Sequence[Subject]) -> None:
        orders = [{"size": self.how.train_imgsz, "batch": self.how.train_batch}]
        for subject, rounds in self._rounds(subjects, "training", "step", "training step", orders):
            found = zip(subject.modes, rounds, strict=True)
            subject.found["training"] = [{"mode": mode, "rounds": one} for mode, one in found]

    def _rounds(
        self, subjects: Sequence[Subject], part: str, what: str, text: str, orders: list[dict[str, Any]]
    ) -> Iterator[tuple[Subject, list[list[list[float]]]]]:
        """Each subject with its seconds, by order (or mode), by round, by run; those that failed are left out."""
        times: dict[str, dict[int, list[list[float]]]] = {subject.name: {} for subject in subjects}
        for number in range(self.how.rounds):
            self._round()
            for subject in subjects:
                self._turn(f"{subject.name}: {text}, round {number + 1} of {self.how.rounds}")
                for place, order in enumerate(self._orders(subject, what, orders)):
                    kept = times[subject.name].setdefault(place, [])
                    facts = subject.ask(part, what, **order, **self._effort(kept))
                    if facts is not None:
                        kept.append(facts["seconds"])
        for subject in subjects:
            if part not in subject.failed:
                yield subject, [*times[subject.name].values()]

    def _orders(self, subject: Subject, what: str, orders: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if what != "step":
            return orders
        return [{**order, "mode": mode} for order in orders for mode in subject.modes]

    def _effort(self, kept: list[list[float]]) -> dict[str, Any]:
        """How much of a turn: the first warms up for longer."""
        if not kept:
            return {"warmup": FIRST_WARMUP, "seconds": self.how.seconds}
        return {"warmup": 0 if min(kept[0]) > _SLOW else 1, "seconds": self.how.seconds}

    def _memory(self, subjects: Sequence[Subject]) -> None:
        order = {"size": self.how.train_imgsz, "batch": self.how.train_batch}
        for subject in subjects:
            wanted = [None, *self.how.columns] if len(subject.modes) > 1 else [None]
            for columns in wanted:
                for mode in subject.modes:
                    shown = f", {columns} columns" if columns else ""
                    self._turn(f"{subject.name}: memory of a training step, {mode} mode{shown}")
                    part = f"memory{shown}"
                    facts = subject.ask_fresh(columns, part, "memory", mode=mode, **order)
                    if facts is not None:
                        subject.found.setdefault("memory", []).append({"mode": mode, "columns": columns, **facts})

    def _onnx(self, subjects: Sequence[Subject]) -> None:
        size = self.how.imgsz[0]
        exported: dict[str, dict[str, Any]] = {}
        for subject in subjects:
            self._turn(f"{subject.name}: export to ONNX")
            facts = subject.ask("onnx", "export", size=size)
            if facts is not None:
                exported[subject.name] = {"imgsz": size, "bytes": facts["bytes"], "export_seconds": facts["seconds"]}
        for subject, rounds in self._rounds(subjects, "onnx", "onnx", "onnxruntime", [{"size": size}]):
            subject.found["onnx"] = {**exported[subject.name], "rounds": rounds[0]}
