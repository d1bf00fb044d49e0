"""`yolopatch revert`: a workspace becomes the pristine upstream tree again."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from yolopatch.cli.options import json_option, reporter, talk_options
from yolopatch.cli.output import print_json


@click.command("revert")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--force", is_flag=True, help="Throw away edits and commits of your own.")
@json_option
@talk_options
def command(workspace: Path, force: bool, as_json: bool, quiet: bool, verbose: bool) -> None:
    """Take patches, payload and model YAML out: the tree is upstream's again, file for file.

    Files that git does not track (runs, weights, data) stay.

    \b
    Examples:
      yolopatch revert yolov7-revcol-s
      yolopatch revert yolov7-revcol-s --force
    """
    from yolopatch.workflows.revert import revert

    lock = revert(workspace, force=force, reporter=reporter(quiet or as_json, verbose))
    if as_json:
        print_json({"workspace": str(workspace), "commit": lock.base, "pin": lock.inputs.pin})
        return
    click.echo(f"{workspace}: pristine {lock.inputs.yolo} {lock.inputs.pin} again (commit {lock.base[:12]})")
