"""Rounds on a tape: whole ones alone, never mixed with those of another machine, and read again as they were."""

from __future__ import annotations

import json

import pytest

from tests.compare.documents import document, machine
from tests.compare.test_schedule import Process
from yolopatch.compare import store
from yolopatch.compare.comparison import Comparison
from yolopatch.compare.kept import Kept, Tape, rounds_of
from yolopatch.compare.model import How, Machine, Sitting
from yolopatch.compare.schedule import FIRST_WARMUP, Schedule, Subject
from yolopatch.compare.strings import note
from yolopatch.compare.text import to_csv, to_latex
from yolopatch.errors import CheckFailed, EnvironmentFailed
from yolopatch.workflows.compare_kept import at_once

HOW = How(rounds=3, columns=(2,))


class Stopped(Exception):
    """In the place of an interrupt."""


class Numbered(Process):
    """Every turn takes another time, so that rounds can be told apart; `stop` turns on it is interrupted."""

    def __init__(self, *args, stop=999, clock=None, **options):
        super().__init__(*args, **options)
        self.left, self.clock, self.warmups = stop, clock or iter(range(1, 999)), []

    def ask(self, what, **order):
        self.left -= 1
        if self.left < 0:
            raise Stopped
        answer = super().ask(what, **order)
        if "warmup" in order:
            self.warmups.append(order["warmup"])
            answer["seconds"] = [next(self.clock) / 1000]
        return answer


def measure(tape, *processes, how=HOW):
    subjects = [Subject(one.name, one, lambda columns, one=one: one) for one in processes]
    Schedule(how, lambda *turn: None, tape).run(subjects)
    return subjects


def pair(**options):
    clock = iter(range(1, 999))
    return Numbered("s", [], clock=clock), Numbered("r", [], reversible=True, clock=clock, **options)


# The orders to the second model: static, 3 forwards, 3 rounds of two steps, 4 peaks, an export, 3 of onnxruntime.
@pytest.mark.parametrize("stop", range(1, 19))
def test_wherever_it_stops_whole_rounds_are_kept_and_the_rest_is_measured(stop, tmp_path):
    file = tmp_path / "kept.json"
    tape = Tape(file)
    if stop < 18:
        with pytest.raises(Stopped):
            measure(tape, *pair(stop=stop))
    else:
        measure(tape, *pair(stop=stop))
    again = Tape(file)
    assert [one.series for one in again.kept.groups.values()] == [
        one.series for one in tape.kept.groups.values() if file.exists()
    ]
    before = again.kept.model_copy(deep=True)
    rounds = before.rounds
    assert rounds == min(max(stop - 1, 0), 3) + (min(max(stop - 4, 0), 6) // 2) + min(max(stop - 15, 0), 3)
    stock, revcol = pair()
    subjects = measure(again, stock, revcol)
    assert again.kept.rounds == rounds_of(HOW) == 9
    for name, series in (before.groups[0].series if before.groups else {}).items():
        assert again.kept.groups[0].series[name][: len(series)] == series
    assert [len(one.found["latency"][0]["rounds"]) for one in subjects] == [3, 3]
    assert [len(one["rounds"]) for one in subjects[1].found["training"]] == [3, 3]
    assert [one["columns"] for one in subjects[1].found["memory"]] == [None, None, 2, 2]
    assert len(subjects[0].found["onnx"]["rounds"]) == 3
    assert sum(sum(one.rounds.values()) for one in again.kept.sittings) == 9 + 2
    # New processes are warmed up like the first ones.
    assert stock.warmups[:1] in ([FIRST_WARMUP], [])


def test_an_interrupted_tape_says_how_much_it_has(tmp_path):
    tape = Tape(tmp_path / "kept.json")
    assert (tape.safe, tape.kept.told(HOW, 2)) == (False, "")
    with pytest.raises(Stopped):
        measure(tape, *pair(stop=15))
    assert tape.safe
    assert tape.kept.told(HOW, 2) == "6 of 9 rounds, the memory of 2 of 2 models"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"sha256": "0", "kept": {}}', "a number", "\xff"])
def test_a_damaged_file_is_said_and_counts_as_none(damage, tmp_path):
    file = tmp_path / "kept.json"
    measure(Tape(file), *pair())
    text = file.read_text().replace("0.001", "0.009") if damage == "a number" else damage
    file.write_bytes(text.encode("latin-1"))
    said: list[str] = []
    assert Tape(file, said.append).kept == Kept()
    assert said == [f"{file}: the kept rounds are damaged; measured anew"]


def test_what_a_kill_in_the_middle_of_writing_leaves_is_tidied(tmp_path):
    (tmp_path / ".kept.json.123").write_text("half")
    assert Tape(tmp_path / "kept.json").kept == Kept()
    assert list(tmp_path.iterdir()) == []


def test_rounds_of_another_machine_are_dropped_and_it_is_said(tmp_path):
    file = tmp_path / "kept.json"
    measure(Tape(file), *pair())
    said: list[str] = []
    tape = Tape(file, said.append)
    tape.on(Machine.model_validate({**tape.kept.machine.model_dump(), "torch": "3"}))
    assert said == ["what was kept is of another machine (torch 2, now 3); measured anew"]
    assert tape.kept.rounds == 0


def test_a_file_that_cannot_be_written_stops_no_measuring(tmp_path):
    said: list[str] = []
    tape = Tape(tmp_path / "none" / "kept.json", said.append)
    subjects = measure(tape, *pair())
    assert len(subjects[0].found["latency"][0]["rounds"]) == 3
    assert len(said) == 1
    assert "is not kept, an interrupt would lose it" in said[0]
    assert not tape.safe


def test_what_failed_stays_failed_in_the_rounds_that_lack_it(tmp_path):
    file = tmp_path / "kept.json"
    with pytest.raises(Stopped):
        measure(Tape(file), Numbered("s", [], stop=3), Numbered("r", [], broken="forward"))
    subjects = measure(Tape(file), *pair())
    assert subjects[1].failed == {"latency": "no"}
    assert "training" in subjects[1].found
    with pytest.raises(CheckFailed, match=r"^s: no; it could be measured when the kept rounds were: put right"):
        measure(Tape(file), Numbered("s", [], broken="static"), Numbered("r", []))


def test_where_nothing_could_be_measured_nothing_is_kept(tmp_path):
    measure(Tape(tmp_path / "kept.json"), Numbered("s", [], broken="forward"), how=How(parts=("latency",)))
    assert list(tmp_path.iterdir()) == []


def test_groups_are_as_large_as_before_or_it_is_said():
    tape = Tape()
    assert at_once(tape, 8, 5) == 5
    tape.kept.sittings.append(Sitting(began="a", ended="b", rounds={}))
    assert at_once(tape, 8, 8) == 5
    with pytest.raises(EnvironmentFailed, match="holds about 4 models at once, and the rounds that are kept are of 5"):
        at_once(tape, 8, 4)
    assert at_once(tape, 3, 3) == 5


SITTINGS = [
    {"began": "2026-01-02T03:04+00:00", "ended": "2026-01-02T03:09+00:00", "rounds": {"latency": 2, "memory": 1}},
    {"began": "2026-01-03T03:04+00:00", "ended": "2026-01-03T03:05+00:00", "rounds": {"training": 2}},
]


def test_a_comparison_says_that_its_rounds_are_of_several_sittings():
    comparison = Comparison([document(sittings=SITTINGS)])
    (told,) = comparison.notes()
    for language in ("en", "zh"):
        assert "2026-01-02T03:04+00:00 - 2026-01-02T03:09+00:00: latency 2, memory 1; 2026-01-03T0" in note(
            told, language
        )
    assert "2 sittings" in to_latex(comparison)
    assert to_csv(comparison).splitlines()[1].split(",")[-2] == "2"
    assert Comparison([document(sittings=SITTINGS[:1])]).notes() == []


def test_measurements_of_before_there_were_sittings_are_read(tmp_path):
    file = tmp_path / "old.json"
    old = json.loads(store.text(document()))
    del old["sittings"], old["machine"]["onnxruntime"]
    file.write_text(json.dumps(old))
    assert store.load(file) == document()
    assert machine().keys() == old["machine"].keys()
