"""`yolopatch list`: what there is to choose from."""

from __future__ import annotations

import rich_click as click

from yolopatch.cli.options import json_option
from yolopatch.cli.output import print_json, table


@click.command("list")
@click.option("--yolo", metavar="NAME", help="Only this YOLO.")
@json_option
def command(yolo: str | None, as_json: bool) -> None:
    """Show pins, origins, series, variants and heads.

    \b
    Examples:
      yolopatch list
      yolopatch list --yolo v7 --json
    """
    from yolopatch.workflows.listing import Listing, listing

    found: Listing = listing(yolo)
    if as_json:
        print_json(found.to_json())
        return
    for upstream in found.upstreams:
        click.echo(f"{upstream.yolo}  {upstream.title}  {upstream.repository}  ({upstream.licence})")
        if upstream.checked:
            click.echo(f"  {upstream.status}; checked: {upstream.checked}")
        rows = [
            (
                f"  {pin.name}{' *' if pin.default else ''}",
                (pin.commit or "-")[:12],
                pin.date,
                ", ".join(pin.origins),
                ", ".join(pin.series),
            )
            for pin in upstream.pins
        ]
        table(rows, ("  PIN", "COMMIT", "DATE", "ORIGINS", "SERIES"))
        click.echo(f"  forms: {', '.join(upstream.forms)}")
        click.echo(f"  upstream's own models: {', '.join(upstream.stock_variants)}\n")
    rows = [
        (variant.name, variant.channels, variant.blocks, str(variant.columns), variant.about)
        for variant in found.variants
    ]
    table(rows, ("VARIANT", "CHANNELS", "BLOCKS", "COLUMNS", "ABOUT"))
    click.echo(f"\nheads: {', '.join(found.heads)}    * the default pin")
