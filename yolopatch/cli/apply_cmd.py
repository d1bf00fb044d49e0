"""`yolopatch apply`: the one command."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from yolopatch.cli.options import (
    head_option,
    json_option,
    nc_option,
    pin_option,
    reporter,
    set_option,
    talk_options,
    variant_option,
    yolo_option,
)
from yolopatch.cli.output import print_forms, print_json
from yolopatch.paths import shown

if TYPE_CHECKING:
    from yolopatch.workflows.apply import Applied

LEVELS = ("none", "build", "forward", "gradients", "train", "export")


@click.command("apply")
@yolo_option
@variant_option
@pin_option
@head_option
@nc_option
@set_option
@click.option(
    "--patches",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Also apply the series of this folder, made by yolopatch export --series; may stand several times.",
)
@click.option("--dest", type=click.Path(path_type=Path), metavar="DIR", help="Where to; default: ./yolov7-revcol-s.")
@click.option("--verify", "level", type=click.Choice(LEVELS), help="How far to prove the result; default: forward.")
@click.option(
    "--origin",
    type=click.Choice(("auto", "git", "pypi")),
    default="auto",
    show_default=True,
    help="Where upstream's code comes from: git, or the package registry where no git host answers.",
)
@click.option("--remote", metavar="URL", help="Git mirror to fetch from, file:// too; the commit id decides.")
@click.option("--offline", is_flag=True, help="Use the cache only.")
@click.option(
    "--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter that verifies; default: this one."
)
@click.option("--device", default="cpu", show_default=True, metavar="D", help="Device that verifies: cpu, 0, cuda:1.")
@click.option("--force", is_flag=True, help="Replace a workspace that is there, edited or not.")
@json_option
@talk_options
def command(as_json: bool, quiet: bool, verbose: bool, **names: Any) -> None:
    """Make a patched YOLO that upstream's own scripts train, and prove it.

    \b
    Examples:
      yolopatch apply --yolo v7 --variant revcol-s
      yolopatch apply --yolo v8 --variant revcol-n --head p2-p5 --nc 10 --verify train
      yolopatch apply --yolo v9 --variant revcol-a --set supervision=true --set fusion=weighted
    """
    from yolopatch.workflows.apply import Request, apply
    from yolopatch.workflows.row_options import read_options

    request = Request(
        yolo=names["yolo"],
        variant=names["variant"],
        pin=names["pin"],
        head=names["head"],
        classes=names["nc"],
        options=read_options(names["settings"]),
        origin=names["origin"],
        remote=names["remote"],
        dest=names["dest"],
        verify=names["level"],
        python=str(names["python"]) if names["python"] else None,
        device=names["device"],
        offline=names["offline"],
        force=names["force"],
        patches=names["patches"],
    )
    applied = apply(request, reporter(quiet, verbose))
    if as_json:
        print_json(_as_json(applied, request.python))
        return
    _print(applied, request.python, quiet)


def _as_json(applied: Applied, python: str | None) -> dict[str, Any]:
    from yolopatch.workflows.next_step import steps

    return {
        "destination": str(applied.destination),
        "made": applied.fresh,
        "patches": len(applied.lock.inputs.patches),
        "own_patches": len(applied.lock.inputs.own_patches),
        "lock": applied.lock.model_dump(mode="json"),
        "verify": applied.report.to_json() if applied.report else None,
        "next": steps(applied.plan, applied.plan.form, python).train,
        "seconds": round(applied.seconds, 2),
    }


def _print(applied: Applied, python: str | None, quiet: bool) -> None:
    place = Path(shown(applied.destination))
    if quiet:
        click.echo(str(place))
        return
    if applied.fresh:
        _print_made(applied, place)
    else:
        click.echo(f"{place} is up to date (commit {applied.lock.commit[:12]})")
    if applied.report is not None:
        click.echo(f"  verified  {summary(applied.report.to_json())}")
    _print_next(applied, place, python)


def _print_next(applied: Applied, place: Path, python: str | None) -> None:
    from yolopatch.workflows.next_step import steps

    plan = applied.plan
    first = steps(plan, plan.form, python, place=place)
    click.echo(f"\nnext, with your data set's YAML in place of {plan.upstream.data}:")
    if first.yolopatch:
        click.echo(f"  {first.yolopatch}\nor by upstream's own program:")
    click.echo(f"  cd {shlex.quote(str(place))} && {first.train}")
    for form in plan.forms:
        if form is not plan.form:
            click.echo(f"or, for {form.detector}:\n  {steps(plan, form, python).train}")
    click.echo(f"to validate, detect and export: yolopatch status {shlex.quote(str(place))} --next")


def _print_made(applied: Applied, place: Path) -> None:
    inputs = applied.lock.inputs
    source = inputs.source
    what = (source.commit or "")[:12] if source.origin == "git" else source.archive
    click.echo(
        f"{place}: {applied.plan.upstream.title} {inputs.pin} ({source.origin} {what}), "
        f"variant {inputs.variant}, head {inputs.head}, {inputs.classes} classes"
    )
    count, own = len(inputs.patches), len(inputs.own_patches)
    more = f" and {own} of your own" if own else ""
    licence = applied.plan.pin.licence or applied.plan.upstream.licence
    click.echo(f"  commit    {applied.lock.commit[:12]}, {count} patch{'es' * (count != 1)}{more}, {licence}")
    print_forms(applied.lock.configs)


def summary(report: dict[str, Any]) -> str:
    """The numbers of a verification in one line."""
    facts: dict[str, Any] = {}
    for level in report["levels"]:
        facts.update(level["facts"])
    parts = [f"{level['name']} {level['seconds']:.1f} s" for level in report["levels"]]
    if "parameters" in facts:
        parts.append(f"{facts['parameters'] / 1e6:.2f}M parameters")
    if "gflops" in facts:
        parts.append(f"{facts['gflops']:.1f} GFLOPs at 640")
    if "strides" in facts:
        parts.append("strides " + ", ".join(f"{stride:g}" for stride in facts["strides"]))
    return ", ".join(parts)
