"""From a grid to its cells, by the rules of GitHub Actions' matrix where those say something."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from yolopatch.errors import RequestError
from yolopatch.sweep.design import HERE, Design, Entry

_SIMPLE = re.compile(r"[A-Za-z0-9.]+")
_DEFAULTS = {"epochs": 100, "imgsz": 640, "batch": 16, "device": None, "workers": None, "form": None}


@dataclass(frozen=True)
class Training:
    """How a cell is trained, its seed aside."""

    data: str
    epochs: int
    imgsz: int
    batch: int
    device: str | None = None
    workers: int | None = None
    form: str | None = None
    arguments: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "arguments": list(self.arguments)}


@dataclass(frozen=True)
class Cell:
    """One model and one seed."""

    yolo: str
    variant: str
    head: str
    options: Mapping[str, Any]
    seed: int
    training: Training
    asked: bool = field(default=False, compare=False)
    """Whether `include` names it, so that leaving it out would not do."""

    @property
    def model(self) -> str:
        """The same for all seeds: the folder of the workspace."""
        settings = [f"{name}-{_short(value)}" for name, value in self.options.items()]
        return "_".join((self.yolo, self.variant, self.head, *settings))

    @property
    def run(self) -> str:
        """What the run is called in its workspace."""
        return f"seed{self.seed}"

    @property
    def id(self) -> str:
        """Tells it from all others; a name for files."""
        return f"{self.model}_{self.run}"

    @property
    def shown_model(self) -> str:
        """Its model, to read."""
        settings = [f"{name}={_text(value)}" for name, value in self.options.items()]
        return " ".join((self.yolo, self.variant, self.head, *settings))

    @property
    def shown(self) -> str:
        """All of it, to read."""
        return f"{self.shown_model} seed {self.seed}"

    def to_json(self) -> dict[str, Any]:
        """Plain values; `set` are the options of RevCol's row."""
        names = {"yolo": self.yolo, "variant": self.variant, "head": self.head, "set": dict(self.options)}
        return {"id": self.id, **names, "seed": self.seed, **self.training.to_json()}


def expand(design: Design, folder: Path, is_stock: Callable[[str], bool]) -> list[Cell]:
    """The cells of a sweep whose file is in `folder`, all of one seed before those of the next.

    `exclude` takes from the grid, then cells of stock lose the options that stock has not and
    are one where they are equal, then `include` gives settings to cells, or adds some.

    Raises:
        RequestError: an entry of `include` fits no cell and names no model; or nothing is left.
    """
    grid = design.grid
    found: dict[str, Cell] = {}
    options = [[(name, value) for value in values] for name, values in grid.set.items()]
    chosen = [dict(pairs) for pairs in itertools.product(*options)]
    names = list(itertools.product(grid.yolo, grid.variant, grid.head))
    for seed in grid.seed:
        for (yolo, variant, head), settings in itertools.product(names, chosen):
            if any(entry.fits(yolo, variant, head, settings, seed) for entry in design.exclude):
                continue
            kept = {} if is_stock(variant) else settings
            cell = Cell(yolo, variant, head, kept, seed, _training(design, folder, yolo))
            found.setdefault(cell.id, cell)
    cells = list(found.values())
    for number, entry in enumerate(design.include):
        cells = _included(design, folder, cells, number, entry)
    if not cells:
        raise RequestError("no cell is left of the grid; take something out of exclude")
    order = {seed: place for place, seed in enumerate(dict.fromkeys(cell.seed for cell in cells))}
    return sorted(cells, key=lambda cell: order[cell.seed])


def _training(design: Design, folder: Path, yolo: str) -> Training:
    values = {**_DEFAULTS, **design.given}
    data = str((folder / design.data.expanduser()).absolute())
    return Training(data=data, arguments=_placed(design.arguments.get(yolo, ()), folder), **values)


def _included(design: Design, folder: Path, cells: Sequence[Cell], number: int, entry: Entry) -> list[Cell]:
    meant = [entry.fits(cell.yolo, cell.variant, cell.head, cell.options, cell.seed) for cell in cells]
    if any(meant):
        return [_given(cell, entry, folder) if fits else cell for cell, fits in zip(cells, meant, strict=True)]
    if entry.yolo is None or entry.variant is None:
        raise RequestError(
            f"include.{number}: it fits no cell of the grid, and adds none without yolo and variant; "
            "name both, or correct it"
        )
    seeds = design.grid.seed if entry.seed is None else (entry.seed,)
    training = _training(design, folder, entry.yolo)
    added = [
        Cell(entry.yolo, entry.variant, entry.head or "p3-p5", dict(entry.set), seed, training, asked=True)
        for seed in dict.fromkeys(seeds)
    ]
    return [*cells, *(_given(cell, entry, folder) for cell in added)]


def _given(cell: Cell, entry: Entry, folder: Path) -> Cell:
    words = (*cell.training.arguments, *_placed(entry.arguments, folder))
    return replace(cell, training=replace(cell.training, **entry.given, arguments=words))


def _placed(words: Sequence[str], folder: Path) -> tuple[str, ...]:
    return tuple(word.replace(HERE, str(folder)) for word in words)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


def _short(value: Any) -> str:
    """A value for a file's name: itself where it is a simple word, else a piece of its hash."""
    text = _text(value)
    return text if _SIMPLE.fullmatch(text) else hashlib.sha256(text.encode()).hexdigest()[:8]
