"""`yolopatch predict`: draws boxes into pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from yolopatch.cli.options import (
    form_option,
    imgsz_option,
    json_option,
    program_options,
    reporter,
    talk_options,
    weights_options,
)
from yolopatch.cli.output import print_json
from yolopatch.paths import shown


@click.command("predict")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--source", type=click.Path(path_type=Path), required=True, metavar="PICTURES", help="Picture or folder.")
@weights_options
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Where to; default: DIR/runs/predict, ...")
@imgsz_option
@click.option("--device", metavar="D", help="cpu, mps, 0; default: the first GPU, or the CPU.")
@form_option
@program_options
@json_option
@talk_options
def command(as_json: bool, quiet: bool, verbose: bool, python: Path | None, **names: Any) -> None:
    """Save pictures with boxes drawn in, by upstream's own program.

    \b
    Examples:
      yolopatch predict yolov8-revcol-n --source pictures/
      yolopatch predict yolov5-revcol-n --source a.jpg --out found -- --conf-thres 0.1
    """
    from yolopatch.workflows.predict import PredictRequest, predict

    done = predict(PredictRequest(python=str(python) if python else None, **names), reporter(quiet, verbose))
    if as_json:
        pictures = [str(file) for file in done.pictures]
        print_json({"weights": str(done.weights), "folder": str(done.folder), "pictures": pictures})
        return
    click.echo(f"{len(done.pictures)} picture{'s' * (len(done.pictures) != 1)} in {shown(done.folder)}")
