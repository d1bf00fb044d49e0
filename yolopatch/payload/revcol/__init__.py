"""RevCol: reversible column networks (arXiv 2212.11696) as a YOLO backbone, in pure torch."""

from __future__ import annotations

from .model import RevCol
from .rows import PickLevel
from .weights import load_official

__all__ = ["PickLevel", "RevCol", "load_official"]
