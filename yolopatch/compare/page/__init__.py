"""The report of a comparison: one HTML file that needs no network."""

from __future__ import annotations

from yolopatch.compare.page.page import require, to_html

__all__ = ["require", "to_html"]
