"""`yolopatch validate`: a matrix of patched models, proved cell by cell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from yolopatch.cli.apply_cmd import LEVELS
from yolopatch.cli.options import json_option, reporter, yolos_option
from yolopatch.cli.output import print_json, print_told, table, write_file
from yolopatch.errors import RequestError
from yolopatch.runs.environ import cpus

if TYPE_CHECKING:
    from yolopatch.validation.model import Outcome, Report

_FILE = click.Path(path_type=Path, dir_okay=False)
_MOST_JOBS = 4
_COLUMNS = ("YOLO", "PIN", "VARIANT", "HEAD", "FORM", "STATE", "SECONDS", "PARAMETERS", "WHY")


@click.command("validate")
@yolos_option
@click.option(
    "--pins",
    default="default",
    show_default=True,
    metavar="NAMES",
    help="default, all, or names with commas between: pins, or any commit, branch or tag of upstream's, or HEAD.",
)
@click.option("--variants", default="stock,revcol-a", show_default=True, metavar="NAMES", help="With commas between.")
@click.option("--heads", metavar="NAMES", help="With commas between; default: both, where upstream has that model.")
@click.option("--forms", type=click.Choice(("default", "all")), default="default", show_default=True)
@click.option("--level", type=click.Choice(LEVELS[1:]), default="forward", show_default=True, help="How far to go.")
@click.option("--origin", type=click.Choice(("auto", "git", "pypi")), default="auto", show_default=True)
@click.option("--remote", metavar="URL", help="Git mirror to fetch from, with one --yolo.")
@click.option(
    "--jobs", type=click.IntRange(1, 64), metavar="N", help="Processes at a time; default: one a CPU, at most 4."
)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    default=Path("validation"),
    show_default=True,
    metavar="FOLDER",
    help="Keeps the results; run again, only what is missing or failed is done.",
)
@click.option("--fresh", is_flag=True, help="Do everything anew.")
@click.option("--keep", is_flag=True, help="Leave the workspaces in FOLDER/work.")
@click.option("--junit", type=_FILE, metavar="FILE", help="Also write JUnit XML.")
@click.option("--summary", type=_FILE, metavar="FILE", help="Also write Markdown, for a CI job's summary.")
@click.option("--github", is_flag=True, help="Also print an annotation of GitHub's for each failed cell.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and the result.")
def command(as_json: bool, github: bool, quiet: bool, **names: Any) -> int:
    """Prove many patched models: each YOLO, pin, variant, head and form is a cell, made and verified alone.

    A cell that fails stops no other. Results are kept as they come: after an interrupt or a repair,
    the same command does only what is missing or failed.

    \b
    Examples:
      yolopatch validate
      yolopatch validate --yolo v7 --yolo v9 --variants revcol-a,revcol-s --forms all --level gradients
      yolopatch validate --yolo v8 --pins all,HEAD --junit report.xml
    """
    from yolopatch.workflows.cells import Wanted
    from yolopatch.workflows.validate import ValidateRequest, validate

    wanted = Wanted(
        yolos=names["yolos"],
        pins=_names("--pins", names["pins"]),
        variants=_names("--variants", names["variants"]),
        heads=_names("--heads", names["heads"]) if names["heads"] is not None else (),
        forms=names["forms"],
        origin=names["origin"],
        remote=names["remote"],
    )
    for file in (names["junit"], names["summary"]):
        if file is not None and not file.absolute().parent.is_dir():
            raise RequestError(f"{file} cannot be written: {file.parent} is no folder; name another file")
    jobs = names["jobs"] or min(cpus(), _MOST_JOBS)
    request = ValidateRequest(wanted, names["level"], jobs, names["work"], names["fresh"], names["keep"])
    report = validate(request, reporter(quiet, False))
    _write(report, names["junit"], names["summary"])
    if as_json:
        print_json(report.to_json())
    else:
        _print(report)
    if github:
        _annotate(report, as_json)
    if report.interrupted:
        print_told(f"interrupted; the same command goes on with what is in {names['work']}")
    return report.exit_code


def _names(option: str, text: str) -> tuple[str, ...]:
    found = tuple(name for name in (part.strip() for part in text.split(",")) if name)
    if not found:
        raise RequestError(f"{option} is empty; give names with commas between, or leave it out")
    return found


def _write(report: Report, junit: Path | None, summary: Path | None) -> None:
    from yolopatch.validation.junit import to_junit
    from yolopatch.validation.summary import to_markdown

    if junit is not None:
        write_file(junit, to_junit(report))
    if summary is not None:
        write_file(summary, to_markdown(report))


def _print(report: Report) -> None:
    from yolopatch.validation.text import totals

    rows = [_row(outcome) for outcome in report.outcomes]
    columns = len(_COLUMNS) if any(row[-1] for row in rows) else len(_COLUMNS) - 1
    table([row[:columns] for row in rows], _COLUMNS[:columns])
    click.echo(f"\n{totals(report)}")


def _row(outcome: Outcome) -> tuple[str, ...]:
    from yolopatch.validation.text import parameters

    cell, result = outcome.cell, outcome.result
    state = result.state + (" (kept)" if outcome.kept else "")
    seconds = f"{result.seconds:.1f}" if result.status != "skipped" else ""
    names = (cell.yolo, cell.pin, cell.variant, cell.head, cell.form)
    return (*names, state, seconds, parameters(result), result.message)


def _annotate(report: Report, as_json: bool) -> None:
    """GitHub's runner reads both streams; with --json stdout is the document alone."""
    from yolopatch.validation.annotations import to_annotations

    for line in to_annotations(report):
        click.echo(line, err=as_json)
