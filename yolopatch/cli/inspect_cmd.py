"""`yolopatch inspect`: what a backbone keeps, as figures and numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from yolopatch.cli.options import form_option, imgsz_option, json_option, reporter, talk_options, weights_options
from yolopatch.cli.output import print_json, table


@click.command("inspect")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--image", type=click.Path(path_type=Path), metavar="FILE", help="Picture for the feature maps.")
@click.option(
    "--data", type=click.Path(path_type=Path), metavar="FILE", help="Data YAML; without it nothing is measured."
)
@weights_options
@click.option("--random", is_flag=True, help="Random weights, even if there are trained ones.")
@click.option("--against", type=click.Path(path_type=Path), metavar="DIR", help="Workspace to show beside it: stock.")
@click.option(
    "--against-weights",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Its checkpoint; default: its newest run's.",
)
@click.option("--split", type=click.Choice(("train", "val", "test")), default="val", show_default=True)
@click.option("--images", type=click.IntRange(1), default=128, show_default=True, metavar="N", help="How many to draw.")
@imgsz_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, metavar="N", help="Of what is drawn.")
@click.option("--device", default="cpu", show_default=True, metavar="D", help="cpu, mps, 0.")
@form_option
@click.option(
    "--lang", type=click.Choice(("en", "zh")), default="en", show_default=True, help="Language of the figures."
)
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Default: runs/inspect, runs/inspect-2, ..."
)
@click.option("--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter; default: this one.")
@json_option
@talk_options
def command(as_json: bool, quiet: bool, verbose: bool, python: Path | None, **names: Any) -> None:
    """Show what RevCol keeps of a picture, and where a plain backbone forgets.

    Draws the model as it was built (diagram.svg), the features of every column and level on a picture (maps.png), and
    with --data the measures by depth (depth.svg, depth.png, inspect.json): how well the input can be rebuilt from each
    feature by a linear map, and linear CKA of each feature with the input and with the label. As upstream's own
    scripts do, this runs code that a checkpoint may bring: use weights that you trust.

    \b
    Examples:
      yolopatch inspect yolov8-revcol-n --image street.jpg
      yolopatch inspect yolov8-revcol-n --data d/data.yaml --against yolov8-stock
    """
    from yolopatch.inspection.text import HEADER, rows_of, summary
    from yolopatch.workflows.inspect import InspectionRequest, inspect

    request = InspectionRequest(python=str(python) if python else None, **names)
    done = inspect(request, reporter(quiet, verbose))
    if as_json:
        print_json(done.to_json())
        return
    for model in done.models:
        if model.scores:
            table(rows_of(model), HEADER)
        for line in summary(model):
            click.echo(line)
        click.echo()
    for file in done.files:
        click.echo(file)
