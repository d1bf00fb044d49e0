"""Upstream's own model, in the sizes that upstream publishes: the variants `stock`, `stock-n`, `stock-tiny`."""

from __future__ import annotations

from yolopatch.catalog import STOCK, Form, Pin, Upstream
from yolopatch.catalog.names import unknown
from yolopatch.errors import RequestError

_PREFIX = f"{STOCK}-"


def is_stock(variant: str) -> bool:
    """Whether the name means upstream's own model."""
    return variant == STOCK or variant.startswith(_PREFIX)


def stock_size(variant: str) -> str | None:
    """The size that a name of upstream's own model asks for; None is the size of `stock`."""
    return variant.removeprefix(_PREFIX) if variant != STOCK else None


def stock_name(size: str | None) -> str:
    """The name of upstream's own model of a size; the reverse of `stock_size`."""
    return STOCK if size is None else _PREFIX + size


def recipe_of(form: Form, variant: str) -> tuple[str, ...]:
    """Upstream's arguments that train `form` of the variant of that name well."""
    return form.stock_recipe(stock_size(variant)) if is_stock(variant) else form.recipe.revcol


def stock_variants(upstream: Upstream) -> tuple[str, ...]:
    """The names of upstream's own models, `stock` first."""
    sizes = dict.fromkeys(size for form in upstream.forms for size in form.sizes)
    return (STOCK, *map(stock_name, sizes))


def stock_forms(upstream: Upstream, pin: Pin, size: str | None, head: str) -> tuple[Form, ...]:
    """The forms that upstream has a model of that size and head for.

    Raises:
        RequestError: there is no such size, or none for `head`.
    """
    name = stock_name(size)
    missing = set(map(stock_name, pin.lacks_stock_sizes))
    known = [variant for variant in stock_variants(upstream) if variant not in missing]
    if name not in known:
        raise unknown(f"variant of {upstream.title} {pin.name}", name, known)
    heads = dict.fromkeys(head for form in upstream.forms for head in form.stock_models(size))
    have = [head for head in heads if head not in pin.lacks_stock_heads]
    if head not in have:
        what = "stock model" if size is None else f"model {name}"
        raise RequestError(f"{upstream.title} {pin.name} has no {what} for {head}, only for {', '.join(have)}")
    return tuple(form for form in upstream.forms if head in form.stock_models(size))
