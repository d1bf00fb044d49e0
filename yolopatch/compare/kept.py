"""What was measured of a comparison so far: kept after every whole round, so that an interrupt costs half a round."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from yolopatch.compare import store
from yolopatch.compare.model import How, Machine, Sitting
from yolopatch.errors import EnvironmentFailed
from yolopatch.interrupts import HeldInterrupts

Failed = dict[str, dict[str, str]]
"""Why something could not be measured, by model and part."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Round(_Kept):
    """One turn of every model of a group.

    `times`: seconds by model, by order (or mode), by run; a model that failed has none.
    """

    load: float | None
    times: dict[str, list[list[float]]]


class Group(_Kept):
    """Models that were measured in turns: their whole rounds by series, and what needs no rounds, by model."""

    series: dict[str, list[Round]] = {}
    exported: dict[str, dict[str, Any]] = {}
    memory: dict[str, list[dict[str, Any]]] = {}
    failed: Failed = {}


class Kept(_Kept):
    """Everything of one request. `many`: models in a group; `seconds`: what the earlier sittings took."""

    format: Literal[1] = 1
    many: int = 0
    seconds: float = 0.0
    machine: Machine | None = None
    sittings: list[Sitting] = []
    groups: dict[int, Group] = {}

    @property
    def rounds(self) -> int:
        """How many whole rounds there are."""
        return sum(len(rounds) for group in self.groups.values() for rounds in group.series.values())

    @property
    def loads(self) -> list[float]:
        """The system's load at the beginning of each round."""
        rounds = (one for group in self.groups.values() for series in group.series.values() for one in series)
        return [one.load for one in rounds if one.load is not None]

    def told(self, how: How, models: int) -> str:
        """`4 of 15 rounds, the memory of 1 of 2 models`; empty where there is nothing."""
        groups = -(-models // self.many) if self.many else 1
        measured = sum(len(group.memory) for group in self.groups.values())
        parts = [f"{self.rounds} of {rounds_of(how) * groups} rounds"] if self.rounds else []
        return ", ".join([*parts, *([f"the memory of {measured} of {models} models"] if measured else [])])


def rounds_of(how: How) -> int:
    """How many rounds a group of models is measured for, all parts together."""
    each = {"latency": len(how.imgsz) * len(how.batch), "training": 1, "onnx": 1}
    return how.rounds * sum(count for part, count in each.items() if part in how.parts)


class Tape:
    """What is measured, written down as it comes; without a file, in memory alone."""

    def __init__(self, file: Path | None = None, warn: Callable[[str], None] = lambda text: None) -> None:
        """`warn` hears it where `file` is damaged or cannot be written; neither stops the measuring."""
        self.kept = Kept()
        self._file = file
        self._warn = warn
        self._began, self._started = now(), time.monotonic()
        self._here: Sitting | None = None
        if file is not None:
            self._read(file)
        self._earlier = self.kept.seconds

    @property
    def safe(self) -> bool:
        """Whether what there is would outlive this process."""
        return self._file is not None and bool(self.kept.sittings)

    @property
    def seconds(self) -> float:
        """What all sittings took, this one until now."""
        return self._earlier + time.monotonic() - self._started

    @property
    def made(self) -> str:
        """When the newest sitting that measured something began, as ISO 8601."""
        return self.kept.sittings[-1].began if self.kept.sittings else self._began

    def group(self, number: int) -> Group:
        """The group, empty where nothing of it was measured."""
        return self.kept.groups.setdefault(number, Group())

    def on(self, machine: Machine) -> None:
        """Say where this sitting measures: what was measured elsewhere is not mixed with it, and dropped."""
        before = self.kept.machine
        if self.kept.sittings and before != machine:
            self._warn(f"what was kept is of another machine ({_changed(before, machine)}); measured anew")
            self.kept = Kept(many=self.kept.many)
            self._earlier, self._here = 0.0, None
        self.kept.machine = machine

    def add_round(self, number: int, series: str, one: Round, failed: Failed) -> None:
        """A whole round of a group; one in which no model could be measured is none.

        The first word of `series` is the part.
        """
        if not one.times:
            return
        group = self.group(number)
        with _held():
            group.series.setdefault(series, []).append(one)
            self._keep(group, series.partition(" ")[0], failed)

    def add_memory(self, number: int, name: str, peaks: list[dict[str, Any]], failed: Failed) -> None:
        """The peaks of a model."""
        group = self.group(number)
        with _held():
            group.memory[name] = peaks
            self._keep(group, "memory", failed)

    def drop(self) -> None:
        """The comparison is finished."""
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def _keep(self, group: Group, part: str, failed: Failed) -> None:
        group.failed = {name: dict(whys) for name, whys in failed.items() if whys}
        sittings = self.kept.sittings
        if self._here is not None:
            sittings.pop()
        rounds = dict(self._here.rounds) if self._here is not None else {}
        rounds[part] = rounds.get(part, 0) + 1
        self._here = Sitting(began=self._began, ended=now(), rounds=rounds)
        sittings.append(self._here)
        self.kept.seconds = round(self.seconds, 1)
        if self._file is None:
            return
        try:
            store.write(self._file, _text(self.kept))
        except EnvironmentFailed as error:
            self._warn(f"what is measured is not kept, an interrupt would lose it ({error.__cause__ or error})")
            self._file = None

    def _read(self, file: Path) -> None:
        # What a kill in the middle of writing has left.
        for draft in file.parent.glob(f".{file.name}.*"):
            draft.unlink(missing_ok=True)
        try:
            self.kept = _parsed(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError):
            self._warn(f"{file}: the kept rounds are damaged; measured anew")


@contextmanager
def _held() -> Iterator[None]:
    """An interrupt waits until what is in memory is in the file too."""
    held = HeldInterrupts()
    try:
        yield
    finally:
        held.release()


def now() -> str:
    """The time as ISO 8601, to the minute, in UTC."""
    return datetime.now(timezone.utc).isoformat(timespec="minutes")


def _text(kept: Kept) -> str:
    body = kept.model_dump(mode="json")
    return json.dumps({"sha256": _checksum(body), "kept": body})


def _parsed(text: str) -> Kept:
    """Raises `ValueError`, `KeyError` or `TypeError` where it is not what `_text` has made."""
    document = json.loads(text)
    if document["sha256"] != _checksum(document["kept"]):
        raise ValueError("the checksum does not fit")
    return Kept.model_validate(document["kept"])


def _checksum(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _changed(before: Machine | None, machine: Machine) -> str:
    old = before.model_dump() if before is not None else {}
    new = machine.model_dump()
    return ", ".join(f"{key} {old.get(key)}, now {new[key]}" for key in new if old.get(key) != new[key])
