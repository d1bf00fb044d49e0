"""What `yolopatch list` shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from yolopatch.catalog import HEADS, STOCK, Catalog, Pin, Upstream, Variant
from yolopatch.workflows.stock import stock_variants


@dataclass(frozen=True)
class PinRow:
    """One pin, ready to print."""

    name: str
    default: bool
    commit: str | None
    date: str
    origins: tuple[str, ...]
    package: str | None
    series: tuple[str, ...]


@dataclass(frozen=True)
class UpstreamRow:
    """One YOLO, ready to print."""

    yolo: str
    title: str
    status: str
    checked: str | None
    repository: str
    licence: str
    forms: tuple[str, ...]
    stock_heads: tuple[str, ...]
    stock_variants: tuple[str, ...]
    pins: tuple[PinRow, ...]


@dataclass(frozen=True)
class VariantRow:
    """One variant, ready to print."""

    name: str
    channels: str
    blocks: str
    columns: int | str
    drop_path: float | None
    about: str


@dataclass(frozen=True)
class Listing:
    """All that there is to choose from."""

    upstreams: tuple[UpstreamRow, ...]
    variants: tuple[VariantRow, ...]
    heads: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The listing as one JSON object."""
        return asdict(self)


def listing(yolo: str | None = None, catalog: Catalog | None = None) -> Listing:
    """Everything, or only the pins of one YOLO.

    Raises:
        RequestError: there is no YOLO of that name.
    """
    catalog = catalog or Catalog()
    yolos = (yolo,) if yolo else catalog.yolos
    upstreams = tuple(_upstream(catalog.upstream(name)) for name in yolos)
    stock = VariantRow(STOCK, "-", "-", "-", None, "upstream's own model, the baseline of every comparison")
    return Listing(upstreams, (stock, *map(_variant, catalog.variants.values())), HEADS)


def _upstream(upstream: Upstream) -> UpstreamRow:
    heads = {head for form in upstream.forms for head in form.stock}
    return UpstreamRow(
        upstream.yolo,
        upstream.title,
        upstream.status,
        upstream.checked,
        upstream.repository,
        upstream.licence,
        tuple(form.name for form in upstream.forms),
        tuple(head for head in HEADS if head in heads),
        stock_variants(upstream),
        tuple(_pin(upstream, pin) for pin in upstream.pins),
    )


def _pin(upstream: Upstream, pin: Pin) -> PinRow:
    origins = (("git",) if pin.origins.git else ()) + (("pypi",) if pin.origins.pypi else ())
    package = f"{pin.origins.pypi.project}=={pin.origins.pypi.version}" if pin.origins.pypi else None
    default = pin.name == upstream.default_pin
    return PinRow(pin.name, default, pin.commit, pin.date.isoformat(), origins, package, pin.series)


def _variant(variant: Variant) -> VariantRow:
    return VariantRow(
        variant.name,
        ",".join(map(str, variant.channels)),
        ",".join(map(str, variant.blocks)),
        variant.columns,
        variant.drop_path,
        variant.about,
    )
