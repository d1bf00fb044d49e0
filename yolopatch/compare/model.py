"""What was measured of which model, and how: the file that `--save` writes.

Seconds, bytes, GFLOPs (2 for each multiply-add).
"""

from __future__ import annotations

import statistics
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Mode = Literal["exact", "plain"]
PARTS = ("static", "latency", "training", "memory", "onnx")
"""What can be measured, in the order of measuring."""


class Part(BaseModel):
    """Read from JSON: unknown fields are errors, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Spread(Part):
    """The middle of some numbers and their quartiles."""

    median: float
    low: float
    high: float
    count: int


def spread(values: tuple[float, ...]) -> Spread:
    """Median and quartiles of at least one number."""
    low, high = min(values), max(values)
    if len(values) > 3:
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median=statistics.median(values), low=low, high=high, count=len(values))


class Rounds(Part):
    """Seconds of one thing, by round; in each round every model had its turn."""

    rounds: Annotated[tuple[tuple[float, ...], ...], Field(min_length=1)]

    @property
    def spread(self) -> Spread:
        """Of all runs of all rounds."""
        return spread(tuple(value for one in self.rounds for value in one))

    @property
    def medians(self) -> tuple[float, ...]:
        """Of each round."""
        return tuple(statistics.median(one) for one in self.rounds)

    def ratio(self, base: Rounds) -> float:
        """How many times as long as `base`: the median over the rounds, each by its own base where both have as many.

        So a machine that is slower in one round is slower for both.
        """
        if len(self.rounds) != len(base.rounds):
            return self.spread.median / base.spread.median
        return statistics.median(mine / its for mine, its in zip(self.medians, base.medians, strict=True))


class Latency(Rounds):
    """A forward in eval mode of `batch` pictures of `imgsz` x `imgsz`."""

    imgsz: int
    batch: int


class Step(Rounds):
    """A training step in a mode of RevCol; a stock model has `plain` alone."""

    mode: Mode


class Peak(Part):
    """The memory of a training step above the built model. `columns`: of RevCol, where not as the YAML says."""

    mode: Mode
    bytes: int
    meter: str
    columns: int | None = None


class Onnx(Rounds):
    """Upstream's export, and onnxruntime on it, batch 1."""

    imgsz: int
    bytes: int
    export_seconds: float


class Row(Part):
    """One row of a model: the rows that it takes its inputs from (-1 is the picture), its module, its parameters."""

    inputs: tuple[int, ...]
    kind: str
    part: Literal["backbone", "neck", "head"]
    parameters: int


class Static(Part):
    """What needs no clock. `counted`: GFLOPs of one picture by image size and operation; `counted_parts`: and part."""

    parameters: dict[str, int]
    counted: dict[int, dict[str, float]]
    counted_parts: dict[int, dict[str, float]] = {}
    rows: tuple[Row, ...]
    reversible: bool
    file_bytes: int

    @property
    def total(self) -> int:
        """All parameters."""
        return sum(self.parameters.values())

    def gflops(self, imgsz: int, part: str | None = None) -> float | None:
        """Of one picture, all or a part's (`backbone`, `neck`, `head`); None at a size that was not counted."""
        if part is not None:
            return self.counted_parts.get(imgsz, {}).get(part)
        return sum(self.counted[imgsz].values()) if imgsz in self.counted else None


class Run(Part):
    """A finished training: how it was trained, its best epoch's numbers (0 to 1), and its epochs."""

    name: str
    seed: int
    epochs: int
    imgsz: int
    batch: int
    device: str
    data: str
    classes: tuple[str, ...]
    metrics: dict[str, float]
    curve: tuple[dict[str, float], ...]


class Machine(Part):
    """Where it was measured. `host` tells machines apart and does not name them."""

    host: str
    system: str
    cpu: str
    cores: int
    threads: int
    device: str
    gpu: str | None
    torch: str
    python: str
    onnxruntime: str | None = None


class Entry(Part):
    """One model."""

    name: str
    yolo: str
    title: str
    pin: str
    variant: str
    head: str
    form: str
    classes: int
    commit: str
    edited: bool | None = None
    """Whether the workspace was edited since apply; None where that cannot be told."""
    static: Static | None = None
    latency: tuple[Latency, ...] = ()
    training: tuple[Step, ...] = ()
    memory: tuple[Peak, ...] = ()
    onnx: Onnx | None = None
    runs: tuple[Run, ...] = ()
    failed: dict[str, str] = {}
    """What could not be measured, and why."""


class How(Part):
    """How everything of one document was measured."""

    parts: tuple[str, ...] = PARTS
    imgsz: tuple[int, ...] = (640,)
    batch: tuple[int, ...] = (1,)
    train_imgsz: int = 320
    train_batch: int = 2
    rounds: int = 5
    seconds: float = 0.5
    """A turn goes on until its runs took as long together."""
    columns: tuple[int, ...] = ()
    """Numbers of columns that RevCol is also built with, for their memory."""
    device: str = "cpu"
    groups: int = 1
    """Models were measured in so many groups, one after another, since memory does not hold them all."""


class Sitting(Part):
    """When some of the rounds were measured (ISO 8601, to the minute).

    `rounds`: how many by part; of `memory`, which has none, how many models.
    """

    began: str
    ended: str
    rounds: dict[str, int]


class Document(Part):
    """One measuring: everything in it was measured on one machine, in turns."""

    format: Literal[1] = 1
    kind: Literal["yolopatch-compare"] = "yolopatch-compare"
    yolopatch: str
    made: str
    seconds: float
    machine: Machine | None
    load: tuple[float, ...] = ()
    """The system's load (of one minute) at the beginning of each round."""
    sittings: tuple[Sitting, ...] = ()
    """One, and more where an interrupted measuring went on; a round is of one of them."""
    how: How
    entries: tuple[Entry, ...]
    left_out: tuple[str, ...] = ()
