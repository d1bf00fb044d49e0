"""`yolopatch sweep`: a grid of training runs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from yolopatch.cli.options import json_option, reporter
from yolopatch.cli.output import print_json, print_told, table
from yolopatch.errors import RequestError
from yolopatch.paths import shown

if TYPE_CHECKING:
    from yolopatch.sweep.report import Mean, Report, Result
    from yolopatch.sweep.task import Executor

_COLUMNS = ("YOLO", "VARIANT", "HEAD", "SET", "SEED", "STATE", "mAP50", "mAP50-95", "AP-small", "MINUTES")
_JOBS = {"local": 1, "slurm": 16}


@click.command("sweep")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
@click.option("--dest", type=click.Path(path_type=Path), metavar="DIR", help="Where to; default: NAME beside FILE.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Trainings at a time; default: 1, with Slurm 16 in the queue and at work.",
)
@click.option(
    "--executor",
    type=click.Choice(tuple(_JOBS)),
    default="local",
    show_default=True,
    help="This machine, or Slurm through submitit.",
)
@click.option("--partition", metavar="NAME", help="Slurm's partition; default: the cluster's.")
@click.option("--gpus", type=click.IntRange(1, 64), metavar="N", help="GPUs of each job of Slurm's.")
@click.option("--cpus", type=click.IntRange(1, 1024), metavar="N", help="CPUs of each job of Slurm's.")
@click.option(
    "--time",
    "minutes",
    type=click.IntRange(1),
    metavar="MINUTES",
    help="Time limit of each job; at it a job goes on in the queue; default: 1440.",
)
@click.option("--dry-run", is_flag=True, help="List the cells and how far they are, and do nothing.")
@json_option
@click.option("-q", "--quiet", is_flag=True, help="Only warnings and the result.")
def command(file: Path, as_json: bool, quiet: bool, **names: Any) -> int:
    """Train a grid: YOLO, variant, head, options of RevCol's row, and seed.

    FILE says what is combined. Each cell is a run as `yolopatch train` leaves it. Stopped or killed, the same command
    goes on: finished cells stay, begun ones go on from their last checkpoint. A cell that fails is tried once more.

    \b
    Examples:
      yolopatch sweep digits.yaml --dry-run
      yolopatch sweep digits.yaml --jobs 4
      yolopatch sweep digits.yaml --executor slurm --partition gpu --gpus 1 --time 240
    """
    from yolopatch.workflows.sweep import SweepRequest, sweep

    _check_options(names)
    request = SweepRequest(file, lambda name: _executor(name, names), names["dest"], names["dry_run"])
    report = sweep(request, reporter(quiet, False))
    if as_json:
        print_json(report.to_json())
    elif not report.interrupted:
        _print(report, dry=names["dry_run"])
    if report.interrupted:
        print_told(_interrupted(report))
    return 0 if names["dry_run"] else report.exit_code


def _check_options(names: dict[str, Any]) -> None:
    given = [option for option, key in _OF_SLURM.items() if names[key] is not None]
    if given and names["executor"] != "slurm":
        raise RequestError(f"{given[0]} is for Slurm; add --executor slurm, or leave it out")


_OF_SLURM = {"--partition": "partition", "--gpus": "gpus", "--cpus": "cpus", "--time": "minutes"}


def _executor(name: str, names: dict[str, Any]) -> Executor:
    jobs = names["jobs"] or _JOBS[names["executor"]]
    if names["executor"] == "local":
        from yolopatch.sweep.local import LocalExecutor

        return LocalExecutor(jobs)
    from yolopatch.sweep.submitted import Resources, SubmittedExecutor

    given = {key: names[key] for key in _OF_SLURM.values() if names[key] is not None}
    return SubmittedExecutor("slurm", jobs, name, Resources(**given))


def _interrupted(report: Report) -> str:
    done = f"{report.count('finished')} of {len(report.results)} cells are finished"
    if not report.going_on:
        return f"interrupted, {done}; the same command goes on"
    jobs = " ".join(report.going_on)
    return f"interrupted, {done}; jobs go on (scancel {jobs} ends them), and the same command watches them again"


def _print(report: Report, *, dry: bool) -> None:
    _print_table([_row(result) for result in report.results], _COLUMNS)
    models = report.models()
    if any(mean.count > 1 for means in models.values() for mean in means.values()):
        click.echo("\nmean and standard deviation over seeds:")
        _print_table([_model_row(name, means) for name, means in models.items()], _MODEL_COLUMNS)
    click.echo(f"\n{_totals(report)}")
    if not dry:
        for result in report.failed:
            _print_failure(result)


def _print_table(rows: list[tuple[str, ...]], columns: tuple[str, ...]) -> None:
    """Without the columns that are empty in all rows."""
    kept = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    table([tuple(row[number] for number in kept) for row in rows], tuple(columns[number] for number in kept))


def _row(result: Result) -> tuple[str, ...]:
    from yolopatch.sweep.report import METRICS

    cell = result.cell
    settings = " ".join(cell.shown_model.split(" ")[3:])
    numbers = (f"{result.metrics[name]:.3f}" if name in result.metrics else "" for name in METRICS)
    state = result.status + (f" {result.epochs}/{cell.training.epochs}" if result.status == "interrupted" else "")
    minutes = f"{result.seconds / 60:.1f}" if result.seconds else ""
    return (cell.yolo, cell.variant, cell.head, settings, str(cell.seed), state, *numbers, minutes)


_MODEL_COLUMNS = ("MODEL", "SEEDS", "mAP50", "mAP50-95", "AP-small", "MINUTES")


def _model_row(name: str, means: dict[str, Mean]) -> tuple[str, ...]:
    count = max((mean.count for mean in means.values()), default=0)
    metrics = (_spread(means.get(column), 3) for column in _MODEL_COLUMNS[2:5])
    return (name, str(count), *metrics, _spread(means.get("minutes"), 1))


def _spread(mean: Mean | None, digits: int) -> str:
    if mean is None:
        return ""
    return f"{mean.mean:.{digits}f}" + (f" ± {mean.spread:.{digits}f}" if mean.spread is not None else "")


def _totals(report: Report) -> str:
    count = len(report.results)
    kept = sum(result.kept for result in report.results)
    parts = [f"{report.count('finished')} finished" + (f" ({kept} in an earlier sitting)" if kept else "")]
    statuses: tuple[Any, ...] = ("failed", "interrupted", "waiting")
    parts += [f"{report.count(status)} {status}" for status in statuses if report.count(status)]
    return f"{count} cell{'s' * (count != 1)} in {shlex.quote(shown(Path(report.folder)))}: {', '.join(parts)}"


def _print_failure(result: Result) -> None:
    click.echo(f"\n{result.cell.shown} failed {result.attempts} times: {result.message}")
    for line in result.detail:
        click.echo(f"  {line}")
    click.echo(f"  log      {result.log}\n  by hand  {result.by_hand}")
