"""From the file of a sweep to its cells, every name looked up, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import HEADS, Catalog
from yolopatch.catalog.names import unknown
from yolopatch.catalog.yaml_file import load_model
from yolopatch.errors import RequestError
from yolopatch.sweep.cells import Cell, expand
from yolopatch.sweep.design import Design
from yolopatch.workflows.cells import check_variant
from yolopatch.workflows.plan import Plan, make_plan
from yolopatch.workflows.stage import refuse_controlled
from yolopatch.workflows.stock import is_stock, stock_forms, stock_size
from yolopatch.workflows.train import OURS


@dataclass(frozen=True)
class Planned:
    """A sweep that can be begun."""

    name: str
    data: Path
    check: bool
    cells: tuple[Cell, ...]
    left_out: tuple[str, ...]
    """Cells of the grid that upstream has no model for, each with the reason."""


def plan_sweep(catalog: Catalog, file: Path) -> Planned:
    """Read the file and look up all that it names.

    What upstream has no stock model for is no cell of the grid, as in `validate`; what `include` names has to be there.

    Raises:
        RequestError: a key or name is unknown, a setting is wrong, or no cell is left.
    """
    if not file.is_file():
        raise RequestError(f"{file}: no such file; name a sweep's YAML (docs/sweep.md shows one)")
    design = load_model(file, Design)
    with _of(file):
        _check_names(catalog, design)
        cells = expand(design, file.absolute().parent, is_stock)
        kept, left_out = _there(catalog, cells)
        if not kept:
            raise RequestError(f"there is nothing to train: {left_out[0]}; see yolopatch list")
        for cell in {cell.model: cell for cell in kept}.values():
            _check_model(catalog, cell)
    data = Path(kept[0].training.data)
    return Planned(design.name, data, design.check, tuple(kept), tuple(left_out))


@contextmanager
def _of(file: Path) -> Iterator[None]:
    """Errors say which file is meant."""
    try:
        yield
    except RequestError as error:
        raise RequestError(f"{file}: {error}", detail=error.detail) from error


def _check_names(catalog: Catalog, design: Design) -> None:
    grid = design.grid
    entries = (*design.exclude, *design.include)
    yolos = dict.fromkeys((*grid.yolo, *(entry.yolo for entry in entries if entry.yolo), *design.arguments))
    upstreams = [catalog.upstream(yolo) for yolo in yolos]
    for variant in dict.fromkeys((*grid.variant, *(entry.variant for entry in entries if entry.variant))):
        check_variant(catalog, upstreams, variant)
    for head in dict.fromkeys((*grid.head, *(entry.head for entry in entries if entry.head))):
        if head not in HEADS:
            raise unknown("head", head, HEADS)


def _there(catalog: Catalog, cells: Sequence[Cell]) -> tuple[list[Cell], list[str]]:
    kept, left_out = [], {}
    for cell in cells:
        why = _lacking(catalog, cell)
        if why is None:
            kept.append(cell)
        elif cell.asked:
            raise RequestError(f"include: {why}; take it out")
        else:
            left_out[cell.shown_model] = f"{cell.shown_model}: {why}"
    return kept, list(left_out.values())


def _lacking(catalog: Catalog, cell: Cell) -> str | None:
    """Why upstream has no such model; None where it has, and for RevCol, which is ours."""
    if not is_stock(cell.variant):
        return None
    upstream = catalog.upstream(cell.yolo)
    try:
        stock_forms(upstream, catalog.pin(upstream, None), stock_size(cell.variant), cell.head)
    except RequestError as error:
        return str(error)
    return None


def _check_model(catalog: Catalog, cell: Cell) -> None:
    """What else `apply` and `train` would refuse."""
    plan = make_plan(catalog, cell.yolo, cell.variant, head=cell.head, options=cell.options)
    interface = plan.upstream.interface
    if interface is None:
        raise RequestError(f"{plan.upstream.title} has no 'interface:' in its upstream.yaml; leave it out")
    _check_form(plan, cell.training.form)
    refuse_controlled(interface.train, cell.training.arguments, OURS)


def _check_form(plan: Plan, form: str | None) -> None:
    names = [one.name for one in plan.forms]
    if form is not None and form not in names:
        raise unknown(f"form of {plan.upstream.title}", form, names)
