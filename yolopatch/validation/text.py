"""Words and numbers that the reports share."""

from __future__ import annotations

from yolopatch.validation.model import Report, Result


def parameters(result: Result) -> str:
    """`3.06M`; empty where no model was built."""
    count = result.facts.get("parameters")
    return f"{count / 1e6:.2f}M" if isinstance(count, int | float) else ""


def totals(report: Report) -> str:
    """`8 cells in 61 s: 7 ok (3 from an earlier run), 1 failed`."""
    count = len(report.outcomes)
    kept = f" ({report.kept} from an earlier run)" if report.kept else ""
    parts = [f"{report.count('ok')} ok{kept}", f"{report.count('failed')} failed"]
    if skipped := report.count("skipped"):
        parts.append(f"{skipped} skipped")
    return f"{count} cell{'s' * (count != 1)} in {report.seconds:.0f} s: {', '.join(parts)}"
