"""`yolopatch weights`: official RevCol weights for a model YAML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from yolopatch.cli.options import json_option
from yolopatch.cli.output import print_json

if TYPE_CHECKING:
    from yolopatch.workflows.weights import Examined

_file = click.argument("file", type=click.Path(path_type=Path))


@click.group("weights")
def command() -> None:
    """Use the weights that RevCol's authors published.

    \b
    Examples:
      yolopatch weights convert revcol_small_1k.pth revcol_s.safetensors
      yolopatch weights inspect revcol_small_1k.pth
    """


@command.command("convert")
@_file
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace OUT.")
@json_option
def convert_command(file: Path, out: Path, force: bool, as_json: bool) -> None:
    """Write the backbone of an official checkpoint FILE to OUT, a .safetensors file.

    Classifiers, image decoders, optimizer state and a detector's heads are left out. FILE is read
    with weights_only: no code in it is run.

    \b
    Examples:
      yolopatch weights convert revcol_small_1k.pth revcol_s.safetensors
      yolopatch weights convert best.pth backbone.safetensors --force
    """
    from yolopatch.workflows.weights import convert

    examined = convert(file, out, force=force)
    if as_json:
        print_json({**_plain(examined), "out": str(out)})
        return
    _print(examined)
    click.echo(f"wrote {out}; to start from it, add to the options of RevCol's row: weights: {out}")


@command.command("inspect")
@_file
@json_option
def inspect_command(file: Path, as_json: bool) -> None:
    """Tell which RevCol the weights in FILE are of.

    \b
    Examples:
      yolopatch weights inspect revcol_small_1k.pth
      yolopatch weights inspect revcol_s.safetensors --json
    """
    from yolopatch.workflows.weights import examine

    examined = examine(file)
    if as_json:
        print_json(_plain(examined))
        return
    _print(examined)


def _print(examined: Examined) -> None:
    click.echo(f"{examined.source}: {examined.describe()}")
    click.echo(examined.summary())


def _plain(examined: Examined) -> dict[str, Any]:
    report = examined.report
    return {
        "source": str(examined.source),
        "source_sha256": examined.sha256,
        "variant": examined.variant,
        "shape": examined.shape(),
        "used": report.used,
        "dropped": report.dropped,
        "missing": report.missing,
    }
