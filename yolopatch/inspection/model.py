"""What is known of a model that was looked into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from yolopatch.inspection.measures import Rebuilt

LEVELS = 4  # of one column


@dataclass(frozen=True)
class Feature:
    """What a row of a plain backbone gives, or RevCol's stem, or a level of a column.

    `depth` is the row, or the column (the stem is 0); `level` is None but in a column; `stride` in pixels.
    """

    number: int
    name: str
    depth: int
    level: int | None
    row: int | None
    channels: int
    stride: float


@dataclass(frozen=True)
class Row:
    """A row of the model as it was built; `inputs` are rows, -1 is the picture, `outputs` channels and strides."""

    number: int
    kind: str
    part: str
    inputs: tuple[int, ...]
    parameters: int
    outputs: tuple[tuple[int, float], ...]
    level: int | None
    strides: tuple[float, ...]


@dataclass(frozen=True)
class RevColFacts:
    """RevCol as it was built; `parameters` of each column."""

    row: int
    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    columns: int
    stem: str
    fusion: str
    deep_up: bool
    aux_columns: tuple[int, ...]
    parameters: tuple[int, ...]
    stem_parameters: int


@dataclass(frozen=True)
class Score:
    """The measures of one feature; a CKA is None where the feature or the other side is constant."""

    rebuilt: Rebuilt
    cka_input: float | None
    cka_label: float | None


@dataclass(frozen=True)
class Inspected:
    """One model. What was not measured is empty."""

    name: str
    """What figures call it: its variant and YOLO."""
    workspace: str
    weights: str | None
    """None: random."""
    parameters: int
    rows: tuple[Row, ...]
    revcol: RevColFacts | None
    features: tuple[Feature, ...]
    left_out: tuple[tuple[str, float], ...] = ()
    """Name and stride of features whose cells do not divide a square: they are not measured."""
    scores: Mapping[int, Score] = field(default_factory=dict)
    """By the feature's number."""
    columns: Mapping[int, Rebuilt] = field(default_factory=dict)
    """The input rebuilt from all four levels of a column together."""
    neck: Rebuilt | None = None
    """The input rebuilt from all that the neck takes."""

    @classmethod
    def of(cls, facts: Mapping[str, Any], *, name: str, workspace: str, weights: str | None) -> Inspected:
        """From what the probe found."""
        revcol = facts["revcol"]
        return cls(
            name=name,
            workspace=workspace,
            weights=weights,
            parameters=facts["parameters"],
            rows=tuple(_row(row) for row in facts["rows"]),
            revcol=RevColFacts(**{key: _frozen(value) for key, value in revcol.items()}) if revcol else None,
            features=tuple(Feature(**one) for one in facts["features"]),
            left_out=tuple((one["name"], one["stride"]) for one in facts["left_out"]),
        )

    @property
    def kind(self) -> str:
        """`revcol` or `stock`."""
        return "revcol" if self.revcol else "stock"

    def taken(self) -> tuple[Feature, ...]:
        """The features that the neck takes, the finest first; those of an auxiliary branch are not among them."""
        backbone = {row.number: row for row in self.rows if row.part == "backbone"}
        wanted = {one for row in self.rows if row.part != "backbone" for one in row.inputs if one in backbone}
        found = [self._feature(backbone[number]) for number in wanted]
        return tuple(sorted({one for one in found if one}, key=lambda one: (one.stride, one.number)))

    def _feature(self, row: Row) -> Feature | None:
        if self.revcol is None:
            return next((one for one in self.features if one.row == row.number), None)
        if row.level is None or row.level >= LEVELS:
            return None
        last = self.revcol.columns
        return next((one for one in self.features if (one.depth, one.level) == (last, row.level)), None)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        scores = {number: asdict(score) for number, score in self.scores.items()}
        return {
            "name": self.name,
            "workspace": self.workspace,
            "weights": self.weights,
            "random_weights": self.weights is None,
            "parameters": self.parameters,
            "revcol": asdict(self.revcol) if self.revcol else None,
            "features": [{**asdict(one), "score": scores.get(one.number)} for one in self.features],
            "left_out": [{"name": name, "stride": stride} for name, stride in self.left_out],
            "columns": [{"column": column, **asdict(score)} for column, score in self.columns.items()],
            "neck": {"features": [one.name for one in self.taken()], **asdict(self.neck)} if self.neck else None,
            "rows": [asdict(row) for row in self.rows],
        }


def _row(row: Mapping[str, Any]) -> Row:
    return Row(
        number=row["number"],
        kind=row["kind"],
        part=row["part"],
        inputs=tuple(row["inputs"]),
        parameters=row["parameters"],
        outputs=tuple((one["channels"], one["stride"]) for one in row["outputs"]),
        level=row["level"],
        strides=tuple(row["strides"] or ()),
    )


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
