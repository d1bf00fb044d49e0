"""`yolopatch status`: is a workspace as apply made it?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import rich_click as click

from yolopatch.cli.options import json_option
from yolopatch.cli.output import print_forms, print_json, wrapped


@click.command("status")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--next", "show_next", is_flag=True, help="The commands that train, validate, detect and export.")
@json_option
def command(workspace: Path, show_next: bool, as_json: bool) -> None:
    """Show what a workspace was made from and which files were edited since.

    With --next: yolopatch train, and upstream's own commands to train, validate, detect and export, for each form.

    \b
    Examples:
      yolopatch status yolov7-revcol-s
      yolopatch status yolov7-revcol-s --next
    """
    from yolopatch.workflows.status import inspect

    if show_next:
        _print_steps(workspace, as_json)
        return
    status = inspect(workspace)
    inputs = status.lock.inputs
    if as_json:
        print_json(
            {
                "clean": status.clean and not status.new,
                "edited": status.edited,
                "new": status.new,
                "commits": status.commits,
                "history_rewritten": status.rewritten,
                "lock": status.lock.model_dump(mode="json"),
            }
        )
        return
    source = inputs.source
    click.echo(f"{workspace}: {status.describe()}")
    click.echo(f"  upstream  {inputs.yolo}, pin {inputs.pin} ({(source.commit or source.archive or '')[:40]})")
    click.echo(f"  origin    {source.origin}" + (f" ({source.archive})" if source.archive else ""))
    click.echo(f"  model     variant {inputs.variant}, head {inputs.head}, {inputs.classes} classes")
    print_forms(status.lock.configs)
    names = [patch.name.partition("/")[2].removesuffix(".patch") for patch in inputs.patches]
    click.echo(wrapped(f"  patches   {len(names)}: {', '.join(names)}", 12))
    for name in status.commits:
        click.echo(f"  yours     {name}")
    for name in status.edited:
        click.echo(f"  edited    {name}")
    for name in status.new:
        click.echo(f"  new       {name}")


def _print_steps(workspace: Path, as_json: bool) -> None:
    from yolopatch.workflows.next_step import steps_of

    found = steps_of(workspace)
    if as_json:
        print_json([asdict(steps) for steps in found])
        return
    for steps in found:
        if steps.yolopatch:
            click.echo(f"{steps.form}:\n  {steps.yolopatch}")
        click.echo(f"{steps.form}, upstream's own commands, in {workspace}:")
        for name in ("train", "val", "detect", "export"):
            click.echo(f"  {getattr(steps, name)}")
