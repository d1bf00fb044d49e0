"""Every model has its turn in every round, and a failure costs its own part only."""

from __future__ import annotations

from yolopatch.compare.model import How
from yolopatch.compare.schedule import Schedule, Subject

MACHINE = {
    "host": "a", "system": "s", "cpu": "c", "cores": 1, "threads": 1, "device": "cpu", "gpu": None, "torch": "2",
    "python": "3",
}  # fmt: skip
STATIC = {"parameters": {}, "counted": {}, "rows": [], "file_bytes": 1}


class Process:
    """Answers at once, and writes down what it was asked."""

    def __init__(self, name: str, said: list[str], *, reversible: bool = False, broken: str = "", slow: bool = False):
        self.name, self.said, self.reversible, self.broken, self.slow = name, said, reversible, broken, slow

    def ask(self, what, **order):
        self.said.append(f"{self.name}:{what}{order.get('mode', '')[:1]}")
        self.order = order
        if what == self.broken:
            return {"failed": "no"}
        if what == "static":
            return {"machine": dict(MACHINE), "reversible": self.reversible, **STATIC}
        return {"seconds": [2.0 if self.slow else 0.1], "bytes": 7, "meter": "rss"}


def measured(*processes, **how):
    subjects = [Subject(one.name, one, lambda columns, one=one: one) for one in processes]
    told = []
    Schedule(How(**how), lambda *turn: told.append(turn)).run(subjects)
    return subjects, told


def test_turns_go_round():
    said: list[str] = []
    measured(Process("a", said), Process("b", said), parts=("latency",), rounds=3)
    assert [word for word in said if "forward" in word] == ["a:forward", "b:forward"] * 3


def test_both_modes_of_revcol_have_their_turns_in_one_round():
    said: list[str] = []
    subjects, _ = measured(
        Process("s", said), Process("r", said, reversible=True), parts=("training", "memory"), rounds=2
    )
    assert [word for word in said if "step" in word] == ["s:stepp", "r:stepe", "r:stepp"] * 2
    assert [one["mode"] for one in subjects[1].found["training"]] == ["exact", "plain"]
    assert [one["mode"] for one in subjects[1].found["memory"]] == ["exact", "plain"]


def test_columns_are_for_revcol_only():
    said: list[str] = []
    subjects, _ = measured(Process("s", said), Process("r", said, reversible=True), parts=("memory",), columns=(2, 4))
    assert len(subjects[0].found["memory"]) == 1
    assert [one["columns"] for one in subjects[1].found["memory"]] == [None, None, 2, 2, 4, 4]


def test_a_failure_costs_its_own_part_only():
    said: list[str] = []
    subjects, _ = measured(Process("a", said, broken="forward"), Process("b", said), rounds=2)
    assert subjects[0].failed == {"latency": "no"}
    assert said.count("a:forward") == 1
    assert "training" in subjects[0].found
    assert len(subjects[1].found["latency"][0]["rounds"]) == 2


def test_a_slow_model_warms_up_in_its_first_turn_only():
    slow = Process("a", [], slow=True)
    quick = Process("b", [])
    measured(slow, quick, parts=("latency",), rounds=2)
    assert (slow.order["warmup"], quick.order["warmup"]) == (0, 1)


def test_every_turn_is_told_with_how_far_it_is():
    _, told = measured(Process("a", []), Process("b", [], reversible=True), rounds=2)
    assert all(0 <= done <= total for _, done, total in told)
    assert told[0][0] == "a: parameters and operations"
