"""RevCol: reversible column networks (arXiv 2212.11696) as a YOLO backbone, in pure torch."""

from __future__ import annotations

from .model import RevCol
from .rows import PickLevel
from .supervise import end_epoch, start_epoch, strip, supervise
from .weights import load_official

__all__ = ["PickLevel", "RevCol", "end_epoch", "load_official", "start_epoch", "strip", "supervise"]
