"""What is trained: data, settings and models, as design.yaml says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """Data from YAML: unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Part):
    """The arguments of `yolopatch data demo`."""

    images: int
    size: int
    digits: str
    seed: int


class Hyp(Part):
    """A settings file of upstream's, and what is changed in it."""

    base: str
    set: dict[str, float | int]
    stock: dict[str, float | int] = {}
    """What is changed for stock beside that."""


class Yolo(Part):
    """One YOLO: its two models and how both are trained."""

    stock: str
    revcol: str
    epochs: int
    stock_epochs: int | None = None
    """Of stock, where it needs others."""
    arguments: tuple[str, ...] = ()
    revcol_arguments: tuple[str, ...] = ()
    hyp: Hyp | None = None


class Arm(Part):
    """One model of the comparison."""

    name: str
    model: str = Field(pattern="^(stock|revcol)$")
    head: str = "p3-p5"
    options: dict[str, Any] = {}
    yolos: tuple[str, ...]


class Run(Part):
    """One arm of one YOLO with one seed."""

    yolo: str
    arm: str
    seed: int

    @property
    def name(self) -> str:
        """What the run is called."""
        return f"{self.arm}-{self.seed}"


class Design(Part):
    """All of it."""

    data: Data
    batch: int
    seeds: tuple[int, ...]
    yolos: dict[str, Yolo]
    arms: tuple[Arm, ...]

    def runs(self) -> Iterator[Run]:
        """Every run; all of one seed before the next, so that whoever stops early has whole comparisons."""
        for seed in self.seeds:
            for yolo in self.yolos:
                yield from (Run(yolo=yolo, arm=arm.name, seed=seed) for arm in self.arms if yolo in arm.yolos)

    def arm(self, name: str) -> Arm:
        """The arm called `name`."""
        return next(arm for arm in self.arms if arm.name == name)

    def variant(self, yolo: str, arm: Arm) -> str:
        """What `yolopatch apply --variant` is given."""
        models = self.yolos[yolo]
        return models.stock if arm.model == "stock" else models.revcol


def load_design(path: Path) -> Design:
    """Read design.yaml."""
    return Design.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
