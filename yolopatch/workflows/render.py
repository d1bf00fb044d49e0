"""From a plan to model YAML, one for each form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yolopatch.catalog import HEADS, STOCK, Catalog, Form
from yolopatch.errors import RequestError
from yolopatch.render import RenderValues, render
from yolopatch.workflows.plan import Plan, make_plan


@dataclass(frozen=True)
class Rendered:
    """One model YAML and its place in a workspace."""

    form: str
    path: str
    text: str


def render_form(catalog: Catalog, plan: Plan, form: Form) -> Rendered:
    """The model YAML of one form.

    Raises:
        RequestError: the plan is `stock`, or the template is wrong.
    """
    variant = plan.variant
    if variant is None:
        raise RequestError(f"{STOCK} has no template; its model is {plan.config(form)} in upstream's tree")
    values = RenderValues(
        title=plan.upstream.title,
        variant=variant.name,
        channels=variant.channels,
        blocks=variant.blocks,
        columns=variant.columns,
        neck=variant.neck,
        neck_depth=variant.neck_depth,
        drop_path=variant.drop_path,
        options={**variant.options, **plan.options},
        nc=plan.classes,
        head=plan.head,
    )
    return Rendered(form.name, plan.config(form), render(catalog.templates, form.template, values))


def render_one(
    yolo: str,
    variant: str,
    *,
    head: str = HEADS[0],
    form: str | None = None,
    classes: int | None = None,
    options: Mapping[str, Any] | None = None,
) -> Rendered:
    """The model YAML for names that a user typed.

    Raises:
        RequestError: a name is unknown, RevCol refuses an option, or the variant is `stock`.
    """
    catalog = Catalog()
    plan = make_plan(catalog, yolo, variant, head=head, classes=classes, options=options)
    return render_form(catalog, plan, catalog.form(plan.upstream, form))
