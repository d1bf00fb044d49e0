"""`yolopatch val`: validates trained weights."""

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
from yolopatch.cli.output import print_json, table
from yolopatch.paths import shown


@click.command("val")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--data", type=click.Path(path_type=Path), required=True, metavar="FILE", help="Data YAML.")
@weights_options
@click.option("--split", type=click.Choice(("train", "val", "test")), default="val", show_default=True)
@imgsz_option
@click.option("--batch", type=click.IntRange(1), default=16, show_default=True, metavar="B")
@click.option("--device", metavar="D", help="cpu, mps, 0; default: the first GPU, or the CPU.")
@form_option
@click.option("--name", metavar="NAME", help="Folder below DIR/runs; default: val, val2, ...")
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True, metavar="N")
@click.option("--no-check", is_flag=True, help="Do not check the data set before.")
@program_options
@json_option
@talk_options
def command(as_json: bool, quiet: bool, verbose: bool, no_check: bool, python: Path | None, **names: Any) -> None:
    """Validate by upstream's own program, and by object size.

    Precision, recall, mAP50 and mAP50-95 are upstream's; AP and its parts by size follow COCO's rules, from the
    predictions that upstream writes.

    \b
    Examples:
      yolopatch val yolov8-revcol-n --data d/data.yaml
      yolopatch val yolov8-revcol-n --data d/data.yaml --run train2 --split test --json
    """
    from yolopatch.workflows.val import ValRequest, val

    request = ValRequest(check=not no_check, python=str(python) if python else None, **names)
    done = val(request, reporter(quiet, verbose))
    scores = done.scores
    if as_json:
        print_json({"weights": str(done.weights), "folder": str(done.folder), **scores.to_json()})
        return
    rows = [
        ("precision", f"{scores.precision:.4g}"),
        ("recall", f"{scores.recall:.4g}"),
        ("mAP50", f"{scores.map50:.4g}"),
        ("mAP50-95", f"{scores.map:.4g}"),
    ]
    size = scores.by_size
    if size is not None:
        found = {
            "AP": size.AP,
            f"AP-small ({size.small} objects)": size.AP_small,
            f"AP-medium ({size.medium})": size.AP_medium,
            f"AP-large ({size.large})": size.AP_large,
        }
        rows += [(name, "no objects" if value is None else f"{value:.4g}") for name, value in found.items()]
    table(rows, (names["split"], shown(done.weights)))
    if size is None:
        click.echo("nothing was found, so there is no AP by size")
