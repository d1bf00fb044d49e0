"""`yolopatch verify`: proves a workspace again, alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import rich_click as click

from yolopatch.cli.apply_cmd import LEVELS, summary
from yolopatch.cli.options import form_option, json_option, reporter, talk_options
from yolopatch.cli.output import print_json, write_file

if TYPE_CHECKING:
    from yolopatch.verify import VerifyReport


@click.command("verify")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--level", type=click.Choice(LEVELS[1:]), default="forward", show_default=True, help="How far to go.")
@form_option
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Also write JUnit XML.")
@click.option(
    "--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter to verify with; default: this one."
)
@click.option("--device", default="cpu", show_default=True, metavar="D", help="cpu, 0, cuda:1.")
@json_option
@talk_options
def command(
    workspace: Path,
    level: str,
    form: str | None,
    junit: Path | None,
    python: Path | None,
    device: str,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> int:
    """Prove that a workspace builds, runs, trains and exports.

    Levels, each with those before it: build (upstream's own parser), forward (finite numbers,
    right strides), gradients (every parameter gets one), train (the loss falls, then upstream's
    own metrics), export (ONNX, equal to torch within 1e-4).

    \b
    Examples:
      yolopatch verify yolov7-revcol-s --level train
      yolopatch verify yolov9-revcol-s --form dualddetect --junit report.xml
    """
    from yolopatch.verify import to_junit
    from yolopatch.workflows.verify import verify

    report = verify(
        workspace,
        level,
        form=form,
        python=str(python) if python else None,
        device=device,
        reporter=reporter(quiet, verbose),
    )
    if junit:
        write_file(junit, to_junit(report))
    if as_json:
        print_json(report.to_json())
    elif report.ok:
        click.echo(f"{workspace}: {report.form}: {summary(report.to_json())}")
    else:
        _print_failure(report)
    return 0 if report.ok else 1


def _print_failure(report: VerifyReport) -> None:
    failed = report.failed
    if failed is None or failed.failure is None:
        return
    click.echo(f"error: level {failed.name} failed: {failed.failure.message}", err=True)
    click.echo("\n".join(failed.failure.lines()), err=True)
