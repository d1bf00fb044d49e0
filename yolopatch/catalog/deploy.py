"""How a trained checkpoint becomes one for inference, as data: `patches/<yolo>/deploy.yaml`, typed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from yolopatch.catalog.catalog import Catalog
from yolopatch.catalog.models import Model, Name, Upstream
from yolopatch.catalog.yaml_file import load_model
from yolopatch.verify.spec import Candidates


class Implicit(Model):
    """Implicit knowledge around one list of a head's convolutions: what is added before, what multiplies after."""

    add: Name
    multiply: Name


class Conversion(Model):
    """How a head that only training needs becomes another one.

    All names are lists of modules of the head, one module a level. What is named nowhere keeps its name.
    """

    to: Name
    """The form that results."""
    inputs: Literal["all", "first", "second"]
    """Which half of the detection row's inputs detection uses; the other half is the auxiliary branch's."""
    modules: dict[Name, Name] = Field(default_factory=dict)
    """What is called otherwise in the new head."""
    drop: tuple[Name, ...] = ()
    """What the auxiliary branch alone uses."""
    implicit: dict[Name, Implicit] = Field(default_factory=dict)
    """What is folded, by the name of the convolutions that take it in."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Conversion:
        twice = sorted({*self.modules} & {*self.drop})
        if twice:
            raise ValueError(f"drop: '{twice[0]}' stands in modules, too")
        return self


class DeploySpec(Model):
    """`patches/<yolo>/deploy.yaml`."""

    strip: Annotated[Candidates, Field(min_length=1)]
    """Upstream's function that takes the optimizer out of a checkpoint."""
    forms: dict[Name, Conversion] = Field(default_factory=dict)
    """By the trained form; a form that is not here is only stripped."""


def deploy_spec(catalog: Catalog, upstream: Upstream) -> DeploySpec:
    """The conversions of one YOLO.

    Raises:
        RequestError: the file is missing or wrong, or it names a form that there is not.
    """
    spec = load_model(catalog.patches / upstream.yolo / "deploy.yaml", DeploySpec)
    for name, conversion in spec.forms.items():
        catalog.form(upstream, name)
        catalog.form(upstream, conversion.to)
    return spec
