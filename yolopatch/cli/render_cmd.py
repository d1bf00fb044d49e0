"""`yolopatch render`: one model YAML, without a checkout."""

from __future__ import annotations

import rich_click as click

from yolopatch.cli.options import (
    form_option,
    head_option,
    json_option,
    nc_option,
    set_option,
    variant_option,
    yolo_option,
)
from yolopatch.cli.output import print_json


@click.command("render")
@yolo_option
@variant_option
@head_option
@form_option
@nc_option
@set_option
@json_option
def command(
    yolo: str, variant: str, head: str, form: str | None, nc: int | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Print the model YAML of a variant.

    \b
    Examples:
      yolopatch render --yolo v8 --variant revcol-n
      yolopatch render --yolo v7 --variant revcol-s --head p2-p5 --form iauxdetect > model.yaml
    """
    from yolopatch.workflows.render import render_one
    from yolopatch.workflows.row_options import read_options

    rendered = render_one(yolo, variant, head=head, form=form, classes=nc, options=read_options(settings))
    if as_json:
        print_json({"path": rendered.path, "form": rendered.form, "yaml": rendered.text})
        return
    click.echo(rendered.text, nl=False)
