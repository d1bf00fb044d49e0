"""What was measured, in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from yolopatch.inspection.model import Inspected
from yolopatch.inspection.sample import BLOCK
from yolopatch.paths import shown

HEADER = ("feature", "channels", "stride", "rebuilt R2", "PSNR dB", "CKA input", "CKA label")


def rows_of(model: Inspected) -> list[tuple[str, ...]]:
    """The table of one model, as `HEADER` has it."""
    found: list[tuple[str, ...]] = []
    for one in model.features:
        score = model.scores[one.number]
        psnr = f"{score.rebuilt.psnr:.1f}"
        ckas = (_number(score.cka_input), _number(score.cka_label))
        found.append((one.name, str(one.channels), f"{one.stride:g}", _number(score.rebuilt.r2), psnr, *ckas))
    return found


def summary(model: Inspected) -> Iterator[str]:
    """What the measures say of one model, a line each."""
    weights = f"trained ({shown(Path(model.weights))})" if model.weights else "RANDOM, not trained"
    yield f"{model.name}: weights {weights}"
    if model.left_out:
        names = ", ".join(f"{name} (stride {stride:g})" for name, stride in model.left_out)
        yield f"  left out, since a square of {BLOCK} pixels holds no whole number of their cells: {names}"
    if not model.scores:
        return
    first, last = model.features[0], model.features[-1]
    if model.columns:
        shares = ", ".join(f"{column}: {score.r2:.3f}" for column, score in model.columns.items())
        yield f"  input rebuilt from all levels of a column together (R2), by column: {shares}"
    ends = [model.scores[one.number].rebuilt.r2 for one in (first, last)]
    yield f"  input rebuilt from the first feature {ends[0]:.3f} ({first.name}), the last {ends[1]:.3f} ({last.name})"
    if model.neck:
        names = ", ".join(one.name for one in model.taken())
        yield f"  input rebuilt from what the neck takes ({names}): {model.neck.r2:.3f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
