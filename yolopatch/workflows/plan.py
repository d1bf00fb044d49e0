"""Turns names that a user typed into the things they mean, before anything is fetched or written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolopatch.catalog import HEADS, Catalog, Form, Pin, Upstream, Variant
from yolopatch.errors import RequestError
from yolopatch.workflows.any_commit import Fitted
from yolopatch.workflows.row_options import checked_options
from yolopatch.workflows.stock import is_stock, recipe_of, stock_forms, stock_name, stock_size

DEFAULT_CLASSES = 80
MAX_CLASSES = 100_000


@dataclass(frozen=True)
class Plan:
    """What is to be made."""

    upstream: Upstream
    pin: Pin
    variant: Variant | None
    """None is `stock`."""
    head: str
    classes: int
    forms: tuple[Form, ...]
    """The detection heads that the workspace gets a model YAML for."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of RevCol's row beside the variant's own."""
    size: str | None = None
    """The size of upstream's own model that is not the one of `stock`."""
    fitted: Fitted | None = None
    """How the pin was made, where it is none of the catalog's."""

    @property
    def variant_name(self) -> str:
        """The variant's name, `stock` or `stock-SIZE` for upstream's own model."""
        return self.variant.name if self.variant else stock_name(self.size)

    @property
    def name(self) -> str:
        """The stem of the workspace's and the YAML's name: `yolov7-revcol-s`, `yolov7-revcol-s-p2`."""
        suffix = "" if self.head == HEADS[0] else f"-{self.head.split('-')[0]}"
        return f"{self.upstream.name}-{self.variant_name}{suffix}"

    def config(self, form: Form) -> str:
        """The model YAML of `form`, relative to the workspace."""
        if self.variant is None:
            return form.stock_models(self.size)[self.head]
        suffix = "" if form.default else f"-{form.name}"
        return f"{self.upstream.config}/{self.name}{suffix}.yaml"

    def recipe(self, form: Form) -> tuple[str, ...]:
        """Upstream's arguments that train `form` well."""
        return recipe_of(form, self.variant_name)

    @property
    def form(self) -> Form:
        """The form that is trained and verified where none is asked for."""
        return next((form for form in self.forms if form.default), self.forms[0])


def make_plan(
    catalog: Catalog,
    yolo: str,
    variant: str,
    *,
    pin: str | Fitted | None = None,
    head: str = HEADS[0],
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Plan:
    """Look up every name.

    Raises:
        RequestError: a name is unknown, the number of classes is out of range, upstream has no
            stock model for the head, or RevCol refuses an option.
    """
    upstream = catalog.upstream(yolo)
    stock = is_stock(variant)
    size = stock_size(variant) if stock else None
    chosen = None if stock else catalog.variant(variant)
    wanted = catalog.head(head)
    number = DEFAULT_CLASSES if classes is None else classes
    if not 1 <= number <= MAX_CLASSES:
        raise RequestError(f"--nc is {number}; a detector has 1 to {MAX_CLASSES} classes")
    fitted = pin if isinstance(pin, Fitted) else None
    chosen_pin = pin.pin if isinstance(pin, Fitted) else catalog.pin(upstream, pin)
    forms = upstream.forms if chosen else stock_forms(upstream, chosen_pin, size, wanted)
    further = checked_options(upstream, chosen, options or {})
    return Plan(upstream, chosen_pin, chosen, wanted, number, forms, further, size, fitted)


def default_destination(plan: Plan) -> Path:
    """`./yolov7-revcol-s`."""
    return Path.cwd() / plan.name
