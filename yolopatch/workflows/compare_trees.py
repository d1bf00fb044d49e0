"""From names to the workspaces of a comparison: those that are there, and those that are made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import HEADS, STOCK, Catalog
from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.paths import shown
from yolopatch.workflows.apply import Request, apply
from yolopatch.workflows.cells import Wanted, cells
from yolopatch.workflows.destination import Taken
from yolopatch.workflows.plan import make_plan
from yolopatch.workflows.stock import is_stock, stock_name, stock_size


@dataclass(frozen=True)
class Names:
    """What the user named. Workspaces are called as apply calls them, in the folder `work`."""

    yolos: tuple[str, ...] = ()
    variants: tuple[str, ...] = (STOCK,)
    heads: tuple[str, ...] = (HEADS[0],)
    classes: int | None = None
    work: Path = Path()
    origin: str = "auto"
    remote: str | None = None
    offline: bool = False


def workspaces_of(names: Names, catalog: Catalog, reporter: Reporter) -> tuple[list[Path], tuple[str, ...]]:
    """The workspaces, made where they are missing, and why some combinations have none.

    Raises:
        RequestError: a name is unknown, nothing is left, or another workspace stands in the place of one.
        CheckFailed: a patch does not apply.
        EnvironmentFailed: no source answers.
    """
    wanted = Wanted(
        yolos=names.yolos, variants=names.variants, heads=names.heads, origin=names.origin, remote=names.remote
    )
    found = [cell for cell, why in cells(catalog, wanted, reporter) if not why]
    paths = []
    for cell in found:
        plan = make_plan(catalog, cell.yolo, cell.variant, head=cell.head, classes=names.classes)
        request = Request(
            yolo=cell.yolo,
            variant=cell.variant,
            head=cell.head,
            classes=names.classes,
            origin=names.origin,
            remote=names.remote,
            offline=names.offline,
            dest=names.work / plan.name,
            verify="none",
        )
        names.work.mkdir(parents=True, exist_ok=True)
        paths.append(_made(request, reporter, catalog))
    have = {(cell.yolo, cell.variant, cell.head) for cell in found}
    return paths, tuple(_missing(names, catalog, have))


def _made(request: Request, reporter: Reporter, catalog: Catalog) -> Path:
    try:
        return apply(request, reporter, catalog).destination
    except Taken as taken:
        assert request.dest is not None
        raise RequestError(
            f"{shown(request.dest)} is not what --yolo, --variant, --head and --nc ask for ({taken.have}); "
            "name the folder itself, or another --work to make it in"
        ) from taken


def _missing(names: Names, catalog: Catalog, have: set[tuple[str, str, str]]) -> list[str]:
    """A sentence for each combination that upstream has no model for."""
    lines = []
    for yolo in dict.fromkeys(names.yolos or catalog.yolos):
        for variant in dict.fromkeys(names.variants):
            for head in dict.fromkeys(names.heads):
                if (yolo, variant, head) not in have and is_stock(variant):
                    name = stock_name(stock_size(variant))
                    lines.append(f"{catalog.upstream(yolo).title} has no model {name} for {head}")
    return lines
