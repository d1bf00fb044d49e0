"""How one YOLO's own programs are called and where they leave results, as data: `interface:` of `upstream.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Dotted = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""`package.module:function`."""

TreePath = Annotated[str, StringConstraints(pattern=r"^(?!/)(?!.*(^|/)\.\.(/|$))[^\\\x00]+$")]

Words = tuple[str, ...]
"""Arguments of a program; `{value}` stands for what the option is given, `{parent}` and `{name}` for a folder."""

Option = Literal[
    "config",  # model YAML, relative to the workspace
    "scratch",  # in place of `weights` where training starts from random weights
    "weights",
    "data",
    "epochs",
    "imgsz",
    "batch",
    "device",
    "seed",
    "workers",
    "place",  # the folder to write to
    "resume",  # the checkpoint to go on from
    "split",
    "source",
]

Column = Literal[
    "train/box_loss",
    "train/obj_loss",
    "train/cls_loss",
    "train/dfl_loss",
    "precision",
    "recall",
    "mAP50",
    "mAP50-95",
]
"""The columns of our results.csv that upstream's own table fills."""
UPSTREAM_COLUMNS: tuple[str, ...] = get_args(Column)


class Part(BaseModel):
    """Data read from YAML: unknown fields are errors, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, regex_engine="python-re")


class Program(Part):
    """One program of upstream's: a script of the tree, or a function that reads the command line.

    Where a name has moved over upstream's history, all its places are listed and the first that
    the tree has is taken.
    """

    script: tuple[TreePath, ...] = ()
    entry: tuple[Dotted, ...] = ()
    words: Words = ()
    """What the command line begins with."""
    options: dict[Option, Words]
    aliases: dict[Option, Words] = {}
    """Other names that the program has for an option, which the user's own arguments may not give either."""
    always: Words = ()
    """Arguments that every call gets, before the user's own."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Program:
        if bool(self.script) == bool(self.entry):
            raise ValueError("expected exactly one of script and entry")
        return self


class Training(Program):
    """Upstream's training program."""

    resume_with: tuple[Literal["resume", "data"], ...] = ("resume",)
    """The options that a resumed run is given; all others come from the checkpoint."""


class Table(Part):
    """Upstream's table of results, one row an epoch."""

    file: TreePath
    names: tuple[str, ...] = ()
    """Names of the columns of a table without a header, by position; with a header: empty."""
    epoch: str = "epoch"
    columns: dict[Column, tuple[str, ...]]
    """Our columns and what upstream has called them."""
    fitness: dict[Literal["mAP50", "mAP50-95"], float]
    """The weighted sum by which upstream chooses its best weights."""

    @model_validator(mode="after")
    def _named(self) -> Table:
        wanted = {name for names in self.columns.values() for name in names} | {self.epoch}
        if self.names and not wanted <= set(self.names):
            raise ValueError(f"names: no column is called {', '.join(sorted(wanted - set(self.names)))}")
        return self


class Weights(Part):
    """Where training leaves its weights, relative to its folder."""

    last: TreePath = "weights/last.pt"
    best: TreePath = "weights/best.pt"


class Format(Part):
    """One format of upstream's export."""

    words: Words
    result: str
    """What is made beside the weights; `{stem}` is their name without the suffix."""
    module: str | None = None
    """A module that it needs and that is not among upstream's common ones."""
    package: str | None = None
    """What installs that module."""


class Export(Program):
    """Upstream's export program."""

    formats: dict[Literal["onnx", "torchscript", "openvino"], Format]


class Distributed(Part):
    """What upstream's own distributed training can do."""

    cpu: bool
    machines: bool


class Interface(Part):
    """Upstream's programs."""

    train: Training
    val: Program
    predict: Program
    export: Export
    table: Table
    weights: Weights = Weights()
    distributed: Distributed


class Scripts(Part):
    """Scripts of one form (detection head) where they differ."""

    train: tuple[TreePath, ...] = ()
    val: tuple[TreePath, ...] = ()
    predict: tuple[TreePath, ...] = ()


class Recipe(Part):
    """Learning settings that train a form well from scratch, as upstream's own arguments.

    The user's own arguments come after them and win.
    """

    stock: Words = ()
    revcol: Words = Field(default=())
