"""`yolopatch deploy`: a trained checkpoint without what only training needs."""

from __future__ import annotations

from pathlib import Path

import rich_click as click

from yolopatch.cli.options import form_option, json_option, reporter, talk_options
from yolopatch.cli.output import print_json


@click.command("deploy")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option(
    "--weights", required=True, type=click.Path(path_type=Path), metavar="FILE", help="Checkpoint of a training."
)
@form_option
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help="Default: FILE-deploy.pt beside it.")
@click.option("--force", is_flag=True, help="Replace the file at --out.")
@click.option(
    "--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter to convert with; default: this one."
)
@json_option
@talk_options
def command(
    workspace: Path,
    weights: Path,
    form: str | None,
    out: Path | None,
    force: bool,
    python: Path | None,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Turn a trained checkpoint into one for inference.

    Auxiliary branches are cut off, implicit layers folded into their convolutions, optimizer and
    EMA copy left out; predictions stay the same within 1e-4, which is measured before anything is
    written. The result is an ordinary checkpoint for upstream's own scripts. As those scripts do,
    this runs code that FILE may bring: use files that you trust.

    --form only checks that FILE was trained as that form; it is read from FILE itself.

    \b
    Examples:
      yolopatch deploy yolov7-revcol-s --weights yolov7-revcol-s/runs/train/exp/weights/best.pt
      yolopatch deploy yolov9-revcol-s --weights best.pt --form dualddetect --out lead.pt
    """
    from yolopatch.workflows.deploy import deploy

    done = deploy(workspace, weights, form=form, out=out, force=force, python=python, reporter=reporter(quiet, verbose))
    if as_json:
        print_json(done.to_json())
        return
    click.echo(
        f"{done.out}: {done.head} -> {done.deployed_head}, "
        f"{done.parameters / 1e6:.2f}M -> {done.deployed_parameters / 1e6:.2f}M parameters, "
        f"{done.bytes / 1e6:.1f} -> {done.deployed_bytes / 1e6:.1f} MB, "
        f"predictions differ by {done.max_difference:.1e} at most"
    )
    click.echo(f"use it as the weights of form {done.deployed_form}: yolopatch status {workspace} --next")
