"""`yolopatch export`: commits to patch files, or weights to ONNX, TorchScript or OpenVINO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from yolopatch.console import Reporter
    from yolopatch.workflows.export_patches import PatchExport

_WEIGHTS = ("run", "weights", "imgsz", "device", "form", "python", "further")
_PATCHES = ("to", "series")


@click.command("export")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--format",
    type=click.Choice(("onnx", "torchscript", "openvino")),
    help="Export weights, to this format; without it patches are exported.",
)
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder of patches to write; default: the one that apply reads.",
)
@click.option(
    "--series", metavar="NAME", help="Make a series of your own of the commits on top of what apply made; needs --to."
)
@weights_options
@imgsz_option
@click.option("--device", metavar="D", help="cpu or 0; default: cpu.")
@form_option
@program_options
@json_option
@talk_options
def command(as_json: bool, quiet: bool, verbose: bool, **names: Any) -> None:
    """Export a workspace's commits as patch files or, with --format, trained weights by upstream's own program.

    \b
    Examples:
      yolopatch export yolov8-revcol-n
      yolopatch export yolov8-revcol-n --series mine --to lab-patches
      yolopatch export yolov8-revcol-n --format onnx
      yolopatch export yolov5-revcol-n --format torchscript --run train2 --imgsz 320
    """
    talk = reporter(quiet, verbose)
    if names["format"] is None:
        _refuse(names, _WEIGHTS, "belongs to the export of weights; add --format")
        if names["series"] is not None and names["to"] is None:
            raise click.UsageError("--series needs --to FOLDER, the folder of your own patches")
        _export_patches(names, talk, as_json=as_json, quiet=quiet)
        return
    _refuse(names, _PATCHES, "belongs to the export of patches; leave --format out")
    _export_weights(names, talk, as_json=as_json)


def _refuse(names: dict[str, Any], options: Sequence[str], why: str) -> None:
    """Take the options that do not belong to this export out of `names`; a usage error where one was given."""
    for option in options:
        if names.pop(option) not in (None, ()):
            spoken = "what stands after --" if option == "further" else f"--{option}"
            raise click.UsageError(f"{spoken} {why}")


def _export_weights(names: dict[str, Any], talk: Reporter, *, as_json: bool) -> None:
    from yolopatch.workflows.export_model import ExportRequest, export

    python = names.pop("python")
    done = export(ExportRequest(python=str(python) if python else None, **names), talk)
    if as_json:
        print_json({"weights": str(done.weights), "format": names["format"], "result": str(done.result)})
        return
    click.echo(shown(done.result))


def _export_patches(names: dict[str, Any], talk: Reporter, *, as_json: bool, quiet: bool) -> None:
    from yolopatch.workflows.export_patches import PatchRequest, export_patches

    done = export_patches(PatchRequest(names["workspace"], names["to"], names["series"]), talk)
    if as_json:
        print_json(_as_json(done))
    elif quiet:
        click.echo(str(done.folder))
    else:
        _print(done)


def _as_json(done: PatchExport) -> dict[str, Any]:
    return {
        "folder": str(done.folder),
        "yolo": done.yolo,
        "series": done.series,
        "patches": [
            {
                "name": line.name,
                "state": line.state,
                "file": str(line.file),
                "commit": line.commit.id if line.commit else None,
                "subject": line.commit.subject if line.commit else None,
                "used_by": line.used_by,
                "advice": line.advice,
            }
            for line in done.lines
        ],
        "counts": done.counts,
        "notes": done.notes,
    }


def _print(done: PatchExport) -> None:
    for line in done.lines:
        click.echo(f"{line.state:<9}  {line.name}")
        for advice in line.advice:
            click.echo(f"           {advice}")
    for note in done.notes:
        click.echo(f"note: {note}")
    counts = ", ".join(f"{number} {state}" for state, number in done.counts.items() if number)
    click.echo(f"{done.folder}: {counts or 'no patches'}")
