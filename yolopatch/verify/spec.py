"""How one YOLO is built, trained and exported, as data: `patches/<yolo>/probe.yaml`, typed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from yolopatch.errors import RequestError

Dotted = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")]
"""`package.module:name`."""

Candidates = Annotated[tuple[Dotted, ...], Field(min_length=1)]
"""Places where upstream has kept a thing over its history; the first that exists is taken."""

TreePath = Annotated[str, StringConstraints(pattern=r"^(?!/)(?!.*(^|/)\.\.(/|$))[^\\\x00]+$")]


class Part(BaseModel):
    """Data read from YAML: unknown fields are errors, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, regex_engine="python-re")


class ModelSpec(Part):
    """The model class; it is called with `cfg` and `nc` and these further arguments."""

    class_: Candidates = Field(alias="class")
    arguments: dict[str, int | float | str | bool] = Field(default_factory=dict)


class HypSpec(Part):
    """Hyperparameters: the first of these files that the tree has, with further values."""

    files: tuple[TreePath, ...]
    values: dict[str, int | float | str] = Field(default_factory=dict)


class Attribute(Part):
    """What upstream's training script sets on the model: exactly one of the three."""

    source: Literal["hyp", "nc", "names"] | None = None
    value: int | float | str | bool | None = None
    object: tuple[Dotted, ...] | None = None
    """An object of upstream's, copied (the default settings of v8)."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Attribute:
        if sum(field is not None for field in (self.source, self.value, self.object)) != 1:
            raise ValueError("expected exactly one of source, value and object")
        return self


class LossSpec(Part):
    """Upstream's loss: a method of the model, or a class that takes the model, and what it is called with.

    `batch` is the dictionary of v8; `targets` are rows (image, class, x, y, w, h), the box
    relative to the image.
    """

    method: str | None = None
    class_: Dotted | None = Field(default=None, alias="class")
    arguments: tuple[Literal["predictions", "targets", "images", "batch"], ...]

    @model_validator(mode="after")
    def _exactly_one(self) -> LossSpec:
        if (self.method is None) == (self.class_ is None):
            raise ValueError("expected exactly one of method and class")
        return self


class Decoded(Part):
    """Where the decoded predictions stand in what the model returns in eval mode, and their shape."""

    path: tuple[int | str, ...] = ()
    """Places in tuples and lists, keys in dictionaries."""
    layout: Literal["rows", "columns"]
    """rows: (N, predictions, values); columns: (N, values, predictions)."""
    per_cell: Annotated[int, Field(ge=1)]
    values: Annotated[int, Field(ge=4)]
    """Values of a prediction beside the class scores: 4 for a box, 5 with objectness."""


class MetricsSpec(Part):
    """Upstream's NMS, IoU and average precision; `ap_result` is where the AP matrix stands in the result."""

    nms: Candidates
    box_iou: Candidates
    ap_per_class: Candidates
    ap_result: int


class ExportCommand(Part):
    """One way to call upstream's export; {weights} and {imgsz} are filled in.

    `script` is a file of the tree; `code` is a line of Python for an upstream that has no script.
    """

    script: TreePath | None = None
    code: str | None = None
    arguments: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _exactly_one(self) -> ExportCommand:
        if (self.script is None) == (self.code is None):
            raise ValueError("expected exactly one of script and code")
        return self


Exported = Literal["decoded", "detections"]
"""decoded: the exported model gives the decoded predictions; detections: the best of them, as rows of
x1, y1, x2, y2, score, class (a head that needs no NMS)."""


class FormOverride(Part):
    """What differs in one form (detection head)."""

    loss: tuple[LossSpec, ...] | None = None
    decoded: Decoded | None = None
    exported: Exported | None = None
    onnx_output: int | None = None


class FormSpec(Part):
    """Everything a probe of one form needs to know."""

    model: ModelSpec
    hyp: HypSpec | None
    attributes: dict[str, Attribute]
    loss: tuple[LossSpec, ...]
    supervise: Dotted | None
    decoded: Decoded
    metrics: MetricsSpec
    export: tuple[ExportCommand, ...]
    exported: Exported
    onnx_output: int


class ProbeSpec(Part):
    """`patches/<yolo>/probe.yaml`."""

    model: ModelSpec
    hyp: HypSpec | None = None
    attributes: dict[str, Attribute] = Field(default_factory=dict)
    loss: Annotated[tuple[LossSpec, ...], Field(min_length=1)]
    supervise: Dotted | None = None
    """What the patched training script puts intermediate supervision into the loss with, where the loss itself does
    not: a function of model, loss and targets. A stock tree has none."""
    decoded: Decoded
    metrics: MetricsSpec
    export: Annotated[tuple[ExportCommand, ...], Field(min_length=1)]
    exported: Exported = "decoded"
    onnx_output: int = 0
    """Which of the exported outputs it is."""
    forms: Annotated[dict[str, FormOverride], Field(min_length=1)]

    def for_form(self, form: str) -> FormSpec:
        """The data of one form.

        Raises:
            RequestError: there is no such form; the message names those there are.
        """
        if form not in self.forms:
            raise RequestError(f"no form '{form}' can be verified; the forms are {', '.join(self.forms)}")
        override = self.forms[form]
        return FormSpec(
            model=self.model,
            hyp=self.hyp,
            attributes=self.attributes,
            loss=override.loss or self.loss,
            supervise=self.supervise,
            decoded=override.decoded or self.decoded,
            metrics=self.metrics,
            export=self.export,
            exported=override.exported or self.exported,
            onnx_output=self.onnx_output if override.onnx_output is None else override.onnx_output,
        )
