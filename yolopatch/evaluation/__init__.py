"""Average precision by object size, from the predictions that upstream's own validation writes."""

from __future__ import annotations

from yolopatch.evaluation.by_size import evaluate
from yolopatch.evaluation.report import SizeReport

__all__ = ["SizeReport", "evaluate"]
