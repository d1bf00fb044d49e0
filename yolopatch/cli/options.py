"""Options that several verbs share, with completion from the catalog."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import rich_click as click
from click.shell_completion import CompletionItem

from yolopatch.console import Reporter
from yolopatch.errors import RequestError

F = TypeVar("F", bound=Callable[..., Any])


def _complete(find: Callable[[click.Context], list[str]]) -> Callable[..., list[CompletionItem]]:
    def complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        try:
            names = find(ctx)
        except Exception:  # completion must never print into the user's prompt
            return []
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]

    return complete


def _yolos(_ctx: click.Context) -> list[str]:
    from yolopatch.catalog import Catalog

    return list(Catalog().yolos)


def _variants(_ctx: click.Context) -> list[str]:
    from yolopatch.catalog import Catalog
    from yolopatch.workflows.stock import stock_variants

    catalog = Catalog()
    stock = dict.fromkeys(name for yolo in catalog.yolos for name in stock_variants(catalog.upstream(yolo)))
    return [*stock, *catalog.variants]


def _heads(_ctx: click.Context) -> list[str]:
    from yolopatch.catalog import HEADS

    return list(HEADS)


def _pins(ctx: click.Context) -> list[str]:
    from yolopatch.catalog import Catalog

    catalog = Catalog()
    yolos = [ctx.params["yolo"]] if ctx.params.get("yolo") else catalog.yolos
    return [pin.name for yolo in yolos for pin in catalog.upstream(yolo).pins]


def _forms(ctx: click.Context) -> list[str]:
    from yolopatch.catalog import Catalog

    catalog = Catalog()
    yolos = [ctx.params["yolo"]] if ctx.params.get("yolo") else catalog.yolos
    return [form.name for yolo in yolos for form in catalog.upstream(yolo).forms]


yolo_option = click.option(
    "--yolo",
    required=True,
    metavar="NAME",
    shell_complete=_complete(_yolos),
    help="Which YOLO: v5, v7, v8, v9; experimental: v10.",
)
yolos_option = click.option(
    "--yolo",
    "yolos",
    multiple=True,
    metavar="NAME",
    shell_complete=_complete(_yolos),
    help="Which YOLO; may stand several times; default: all that are not experimental.",
)
variant_option = click.option(
    "--variant",
    required=True,
    metavar="NAME",
    shell_complete=_complete(_variants),
    help="Size of RevCol (revcol-s, ...), or upstream's own model: stock, stock-n, ... (see yolopatch list).",
)
pin_option = click.option(
    "--pin",
    metavar="NAME",
    shell_complete=_complete(_pins),
    help="Upstream version or commit; default: see yolopatch list.",
)
head_option = click.option(
    "--head",
    default="p3-p5",
    show_default=True,
    metavar="NAME",
    shell_complete=_complete(_heads),
    help="p3-p5, or p2-p5 with a stride-4 output for small objects.",
)
nc_option = click.option("--nc", type=int, metavar="N", help="Number of classes; default: 80.")
form_option = click.option(
    "--form",
    metavar="NAME",
    shell_complete=_complete(_forms),
    help="Detection head (v7: idetect, iauxdetect, detect; v9: ddetect, dualddetect, detect).",
)
set_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="An option of RevCol's row, as in YAML: fusion=attention, supervision=true; may stand several times.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")


imgsz_option = click.option(
    "--imgsz", type=int, metavar="S", help="Side of the images; default: as the run was trained, or 640."
)


def list_option(name: str, parameter: str, what: str, about: str) -> Callable[[F], F]:
    """An option that takes names with commas between and may stand several times; a tuple of them."""
    return click.option(
        name,
        parameter,
        multiple=True,
        metavar="NAMES",
        callback=lambda _ctx, _param, given: _split(name, given),
        shell_complete=_complete({"yolo": _yolos, "variant": _variants, "head": _heads}[what]),
        help=about,
    )


def _split(option: str, given: tuple[str, ...]) -> tuple[str, ...]:
    found = [name.strip() for text in given for name in text.split(",") if name.strip()]
    if given and not found:
        raise RequestError(f"{option} is empty; give names with commas between, or leave it out")
    return tuple(dict.fromkeys(found))


def weights_options(function: F) -> F:
    """Adds --run and --weights: which trained weights to use."""
    run = click.option("--run", metavar="RUN", help="Run whose best weights to take; default: the newest.")
    weights = click.option(
        "--weights", type=click.Path(path_type=Path), metavar="FILE", help="Checkpoint, in place of a run's."
    )
    return run(weights(function))


def program_options(function: F) -> F:
    """Adds --python and what stands after --: how to call a program of upstream's."""
    python = click.option(
        "--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter; default: this one."
    )
    further = click.argument("further", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS]")
    return python(further(function))


def talk_options(function: F) -> F:
    """Adds -q and -v."""
    quiet = click.option("-q", "--quiet", is_flag=True, help="Only warnings and the result.")
    verbose = click.option("-v", "--verbose", is_flag=True, help="More about each step.")
    return quiet(verbose(function))


def reporter(quiet: bool, verbose: bool) -> Reporter:
    """What the verb talks through."""
    return Reporter(quiet=quiet, verbose=verbose)
