"""The file of a sweep, validated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, field_validator

HERE = "{here}"
"""In upstream's arguments: the folder of the sweep's file."""
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def _listed(value: Any) -> Any:
    """One value may stand without the brackets of a list."""
    return value if isinstance(value, list | tuple) else [value]


Name = Annotated[str, StringConstraints(min_length=1)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed), Field(min_length=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[tuple[Seed, ...], BeforeValidator(_listed), Field(min_length=1)]
OptionName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_]\w*$")]
Values = Annotated[tuple[Any, ...], BeforeValidator(_listed), Field(min_length=1)]
Words = tuple[str, ...]


class Part(BaseModel):
    """Data from YAML: unknown fields are errors, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, regex_engine="python-re", coerce_numbers_to_str=True)


class Budget(Part):
    """Settings of a training that an entry of `include` may give."""

    epochs: Annotated[int, Field(ge=1)] | None = None
    imgsz: Annotated[int, Field(ge=32)] | None = None
    batch: Annotated[int, Field(ge=1)] | None = None
    device: str | None = None
    workers: Annotated[int, Field(ge=0)] | None = None
    form: str | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are given."""
        return {name: value for name in Budget.model_fields if (value := getattr(self, name)) is not None}


class Grid(Part):
    """What is combined with what."""

    yolo: Names
    variant: Names
    head: Names = ("p3-p5",)
    set: dict[OptionName, Values] = {}
    """Options of RevCol's row; upstream's own models have none."""
    seed: Seeds = (0,)


class Match(Part):
    """Cells that have these values, whatever else they have."""

    yolo: Name | None = None
    variant: Name | None = None
    head: Name | None = None
    set: dict[OptionName, Any] = {}
    seed: Seed | None = None

    def fits(self, yolo: str, variant: str, head: str, options: Mapping[str, Any], seed: int) -> bool:
        """Whether a cell with these values is meant."""
        mine = (self.yolo, self.variant, self.head, self.seed)
        there = zip(mine, (yolo, variant, head, seed), strict=True)
        plain = all(want is None or want == have for want, have in there)
        return plain and all(name in options and options[name] == value for name, value in self.set.items())


class Entry(Budget, Match):
    """Settings for cells of the grid, or a cell beside it."""

    arguments: Words = ()
    """Upstream's own, behind those of the YOLO."""


class Design(Budget):
    """All of a sweep."""

    name: str
    data: Path
    grid: Grid
    exclude: tuple[Match, ...] = ()
    include: tuple[Entry, ...] = ()
    arguments: dict[str, Words] = {}
    """Upstream's own arguments, by YOLO."""
    check: bool = True

    @field_validator("name")
    @classmethod
    def _name_of_a_folder(cls, value: str) -> str:
        if not _FOLDER.fullmatch(value):
            raise ValueError(f"'{value}' cannot name a folder; use letters, digits, '.', '_' and '-'")
        return value

    @field_validator("exclude")
    @classmethod
    def _no_empty_exclude(cls, value: tuple[Match, ...]) -> tuple[Match, ...]:
        if any(entry == Match() for entry in value):
            raise ValueError("an entry without any key would leave out all cells")
        return value
