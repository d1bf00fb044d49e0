"""`yolopatch export`: weights to ONNX, TorchScript or OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click

from yolopatch.cli.options import form_option, json_option, reporter, talk_options
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
@click.option("--run", metavar="RUN", help="Run whose best weights to take; default: the newest.")
@click.option("--weights", type=click.Path(path_type=Path), metavar="FILE", help="Checkpoint, in place of a run's.")
@click.option("--imgsz", type=int, metavar="S", help="Side of the images; default: as the run was trained, or 640.")
@click.option("--device", metavar="D", help="cpu or 0; default: cpu.")
@form_option
@click.option("--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter; default: this one.")
@click.argument("further", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS]")
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
