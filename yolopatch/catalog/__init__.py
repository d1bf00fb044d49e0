"""The typed view of `patches/` and `templates/`; the only reader of that data."""

from yolopatch.catalog.catalog import STOCK, Catalog
from yolopatch.catalog.models import HEADS, STRIDES, Form, Layout, Origins, Pin, PypiOrigin, Series, Upstream, Variant

__all__ = [
    "HEADS",
    "STOCK",
    "STRIDES",
    "Catalog",
    "Form",
    "Layout",
    "Origins",
    "Pin",
    "PypiOrigin",
    "Series",
    "Upstream",
    "Variant",
]
