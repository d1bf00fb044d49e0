"""Jinja templates to model YAML: sandboxed, deterministic, checked."""

from __future__ import annotations

from yolopatch.render.renderer import render
from yolopatch.render.values import RenderValues

__all__ = ["RenderValues", "render"]
