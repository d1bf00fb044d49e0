"""The typed view of `patches/` and `templates/`: what a YOLO, a pin, a series and a variant are."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from yolopatch.errors import RequestError
from yolopatch.paths import safe_tree_path
from yolopatch.runs.spec import Interface, Option, Recipe, Scripts, Words

Sha1 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


def _tree_path(value: str) -> str:
    try:
        return safe_tree_path(value)
    except RequestError as error:
        raise ValueError(str(error)) from error


TreePath = Annotated[str, AfterValidator(_tree_path)]
"""A path below the top of a tree, with forward slashes."""

STRIDES = {"p3-p5": (8, 16, 32), "p2-p5": (4, 8, 16, 32)}
"""Strides of the outputs of each head, finest first."""
HEADS = tuple(STRIDES)


class Model(BaseModel):
    """Data read from YAML: unknown fields are errors, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Move(Model):
    """A file or folder of a package and its place in the repository ('' is the top).

    `{project}` and `{version}` in the source are those of the origin.
    """

    source: str
    target: str


class Rewrite(Model):
    """A regular expression applied to every line of the matching files of a package."""

    files: str = "**/*.py"
    pattern: str
    replacement: str

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


class Layout(Model):
    """Rules that turn a published package back into the repository's layout.

    Moves are tried in order and the first whose source is the file or a folder above it
    wins; a file that no move names is left out.
    """

    moves: tuple[Move, ...]
    rewrites: tuple[Rewrite, ...] = ()


class PypiOrigin(Model):
    """A published archive that holds (nearly) the same files as the pin."""

    project: str
    version: str
    file: str
    sha256: Sha256
    layout: Name
    series: tuple[Name, ...] | None = None
    """The series for this origin where its files differ from git's; None: the pin's own."""


class Releases(Model):
    """A project of the package registry whose archives are upstream's own."""

    project: str
    layout: Name


class Origins(Model):
    """Where a pin's tree can be had."""

    git: bool = True
    pypi: PypiOrigin | None = None


class Pin(Model):
    """A named upstream commit that we support."""

    name: Name
    commit: Sha1 | None = None
    date: datetime.date
    licence: str | None = None
    series: tuple[Name, ...]
    origins: Origins = Origins()
    lacks_stock_heads: tuple[str, ...] = ()
    """Heads that upstream had no model YAML for yet."""
    lacks_stock_sizes: tuple[str, ...] = ()
    """Sizes that upstream had no model YAML for yet."""
    lacks_options: tuple[Option, ...] = ()
    """Options that upstream did not know yet: `weights` of its training, `split` of its validation."""
    lacks_words: tuple[str, ...] = ()
    """Arguments among those that every call gets that upstream's programs did not know yet."""
    first_category: Annotated[int, Field(ge=0)] = 0
    """What the first class is called in the JSON of predictions that upstream's validation writes."""

    @model_validator(mode="after")
    def _has_an_origin(self) -> Pin:
        if self.origins.git and self.commit is None:
            raise ValueError("commit: a pin with a git origin needs its commit id (40 hexadecimal digits)")
        if not self.origins.git and self.origins.pypi is None:
            raise ValueError("origins: name at least one of git and pypi")
        return self


class Series(Model):
    """An ordered list of patches, each a path below the YOLO's folder without `.patch`."""

    name: Name
    kind: Literal["compat", "revcol"]
    applies_to: str
    patches: tuple[TreePath, ...]
    optional: tuple[TreePath, ...] = ()
    """Those of a `revcol` series that are not needed where upstream has no such file (a `compat` patch never is)."""

    @model_validator(mode="after")
    def _optional_are_patches(self) -> Series:
        stray = [name for name in self.optional if name not in self.patches]
        if stray:
            raise ValueError(f"optional: '{stray[0]}' is not among the patches of '{self.name}'")
        return self


class Commands(Model):
    """Upstream's own commands, complete; {config}, {data}, {weights}, {imgsz}, {batch}, {epochs},
    {device}, {source} and {name} are filled in."""

    train: str
    val: str
    detect: str
    export: str


class StockSize(Model):
    """Another size of upstream's own model, offered as the variant `stock-NAME`."""

    heads: Annotated[dict[str, TreePath], Field(min_length=1)]
    """Upstream's own model YAML by head."""
    recipe: Words | None = None
    """What trains this size where upstream has settings of its own for it; None: as the form's stock model."""


class Form(Model):
    """A detection head that upstream can train, with the script that trains it."""

    name: Name
    detector: str
    template: TreePath
    default: bool = False
    commands: Commands
    scripts: Scripts = Scripts()
    recipe: Recipe = Recipe()
    stock: dict[str, TreePath] = Field(default_factory=dict)
    """Upstream's own model YAML for this form, by head; a head that is missing is not offered."""
    sizes: dict[Name, StockSize] = Field(default_factory=dict)
    """Other sizes of it by name."""

    def stock_models(self, size: str | None) -> dict[str, TreePath]:
        """Upstream's own model YAMLs of a size (None: `stock`) by head; empty where this form has no such size."""
        if size is None:
            return self.stock
        return self.sizes[size].heads if size in self.sizes else {}

    def stock_recipe(self, size: str | None) -> Words:
        """What trains upstream's own model of a size (None: `stock`) well."""
        own = self.sizes[size].recipe if size in self.sizes else None
        return self.recipe.stock if own is None else own


class Upstream(Model):
    """One YOLO: `patches/<yolo>/upstream.yaml`."""

    yolo: Name
    title: str
    name: Name
    """The stem of workspace and YAML names, `yolov7`."""
    status: Literal["supported", "experimental"] = "supported"
    """An experimental YOLO is validated only where it is named."""
    checked: str | None = None
    """What of an experimental YOLO was checked, in one line."""
    repository: str
    mirrors: tuple[str, ...] = ()
    licence: str
    default_pin: str
    data: str = "data.yaml"
    """A data set definition that upstream carries, for the printed training command."""
    weights: str = "runs/train/{name}/weights/best.pt"
    """Where upstream's training leaves the best weights."""
    supervision_scale: Annotated[float, Field(ge=0.0)] = 0.1
    """The scale that puts intermediate supervision beside this YOLO's loss where a user gives none."""
    payload: TreePath
    """The folder of the tree that the payload is copied to."""
    config: TreePath
    """The folder of the tree that the rendered YAML is written to."""
    sparse: tuple[str, ...]
    """Paths of the checkout: files, or folders that end in '/'; a leading '!' leaves out; '*' matches within a name."""
    forms: tuple[Form, ...]
    layouts: dict[str, Layout] = Field(default_factory=dict)
    releases: Releases | None = None
    """Upstream's own releases in the package registry, where it has any."""
    series: tuple[Series, ...]
    pins: tuple[Pin, ...]
    interface: Interface | None = None
    """How upstream's programs are called; None where `yolopatch train` and its like are not offered."""

    @model_validator(mode="after")
    def _says_what_was_checked(self) -> Upstream:
        if self.experimental != bool(self.checked and self.checked.strip()):
            raise ValueError("checked: says what of an experimental YOLO was checked, and stands with it only")
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Upstream:
        _unique("pins", [pin.name for pin in self.pins])
        _unique("series", [series.name for series in self.series])
        _unique("forms", [form.name for form in self.forms])
        if self.releases is not None and self.releases.layout not in self.layouts:
            raise ValueError(f"releases: no layout is called '{self.releases.layout}'")
        if self.default_pin not in {pin.name for pin in self.pins}:
            raise ValueError(f"default_pin: no pin is called '{self.default_pin}'")
        if sum(form.default for form in self.forms) != 1:
            raise ValueError("forms: exactly one form has 'default: true'")
        known = {series.name for series in self.series}
        for pin in self.pins:
            self._check_pin(pin, known)
        return self

    def _check_pin(self, pin: Pin, known: set[str]) -> None:
        pypi = pin.origins.pypi
        for name in (*pin.series, *((pypi.series or ()) if pypi else ())):
            if name not in known:
                raise ValueError(f"pins: {pin.name}: no series is called '{name}'")
        if pypi and pypi.layout not in self.layouts:
            raise ValueError(f"pins: {pin.name}: no layout is called '{pypi.layout}'")

    @property
    def experimental(self) -> bool:
        """Whether less of it was checked than of the others."""
        return self.status == "experimental"

    def urls(self, remote: str | None = None) -> tuple[str, ...]:
        """Where its git repository is, in the order of asking; a `remote` of the user's is asked alone."""
        return (self.repository, *self.mirrors) if remote is None else (remote,)

    @property
    def default_form(self) -> Form:
        """The form that `apply` trains and verifies."""
        return next(form for form in self.forms if form.default)


class Variant(Model):
    """A size of RevCol: one row of `templates/variants.yaml`.

    `channels` and `blocks` are per level (strides 4, 8, 16, 32); `neck` are the widths of
    the detection neck at strides 4, 8, 16, 32.
    """

    name: Name
    about: str
    channels: tuple[int, int, int, int]
    blocks: tuple[int, int, int, int]
    columns: Annotated[int, Field(ge=1, le=64)]
    drop_path: Annotated[float, Field(ge=0.0, lt=1.0)]
    neck: tuple[int, int, int, int]
    neck_depth: Annotated[int, Field(ge=1)]
    options: dict[str, float | int | str | bool] = Field(default_factory=dict)
    """Further options of the RevCol row (stem, init, layer_scale)."""

    @field_validator("channels", "blocks", "neck")
    @classmethod
    def _positive(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 1:
            raise ValueError("expected four whole numbers of 1 or more")
        return value


class Variants(Model):
    """`templates/variants.yaml`."""

    variants: tuple[Variant, ...]


def _unique(what: str, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{what}: the name '{twice[0]}' stands twice")
