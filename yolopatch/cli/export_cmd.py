"""`yolopatch export`: weights to ONNX, TorchScript or OpenVINO."""

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


@click.command("export")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--format",
    type=click.Choice(("onnx", "torchscript", "openvino")),
    default="onnx",
    show_default=True,
    help="To what.",
)
@weights_options
@imgsz_option
@click.option("--device", metavar="D", help="cpu or 0; default: cpu.")
@form_option
@program_options
@json_option
@talk_options
def command(as_json: bool, quiet: bool, verbose: bool, python: Path | None, **names: Any) -> None:
    """Export trained weights by upstream's own program, beside the weights.

    \b
    Examples:
      yolopatch export yolov8-revcol-n --format onnx
      yolopatch export yolov5-revcol-n --format torchscript --run train2 --imgsz 320
    """
    from yolopatch.workflows.export_model import ExportRequest, export

    done = export(ExportRequest(python=str(python) if python else None, **names), reporter(quiet, verbose))
    if as_json:
        print_json({"weights": str(done.weights), "format": names["format"], "result": str(done.result)})
        return
    click.echo(str(done.result))
