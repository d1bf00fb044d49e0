"""`yolopatch train`: one training interface for all YOLOs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rich_click as click
from click import get_current_context
from click.core import ParameterSource

from yolopatch.cli.options import form_option, json_option, reporter, talk_options
from yolopatch.cli.output import print_json
from yolopatch.errors import RequestError

_NEWEST = "\0newest"


@click.command("train")
@click.argument("workspace", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--data", type=click.Path(path_type=Path), metavar="FILE", help="Data YAML, of any of the four YOLOs.")
@click.option("--epochs", type=int, default=100, show_default=True, metavar="N")
@click.option("--imgsz", type=int, default=640, show_default=True, metavar="S", help="Side of the images, in pixels.")
@click.option("--batch", type=int, default=16, show_default=True, metavar="B", help="Images a step, over all GPUs.")
@click.option("--device", metavar="D", help="cpu, mps, 0, 0,1; default: the first GPU, or the CPU.")
@click.option("--weights", type=click.Path(path_type=Path), metavar="FILE", help="Checkpoint to start from.")
@click.option("--seed", type=int, default=0, show_default=True, metavar="N")
@form_option
@click.option("--name", metavar="RUN", help="Name of the run; default: train, train2, ...")
@click.option("--workers", type=int, metavar="N", help="Processes that load images; default: 2 on a CPU, 8 on a GPU.")
@click.option(
    "--resume",
    is_flag=False,
    flag_value=_NEWEST,
    metavar="[RUN]",
    help="Go on with a run; default: the newest unfinished.",
)
@click.option("--no-check", is_flag=True, help="Do not check the data set before.")
@click.option("--nproc", type=int, default=1, metavar="N", help="Processes on this machine, a GPU each (torchrun).")
@click.option("--nnodes", type=int, default=1, metavar="M", help="Machines that train together.")
@click.option("--node-rank", type=int, default=0, metavar="R", help="This machine's number, from 0.")
@click.option("--master", metavar="ADDR:PORT", help="Address of machine 0 and a free port there.")
@click.option(
    "--python", type=click.Path(path_type=Path), metavar="PATH", help="Interpreter to train with; default: this one."
)
@click.argument("further", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGUMENTS]")
@json_option
@talk_options
def command(workspace: Path, as_json: bool, quiet: bool, verbose: bool, **names: Any) -> None:
    """Train by upstream's own program, and leave a run in one shape for all YOLOs.

    DIR/runs/RUN gets results.csv (one row an epoch), run.json (arguments, versions, lock, best results), log.txt (all
    that upstream printed) and upstream/ (its own files, weights among them). What stands after -- goes to upstream
    as it is.

    \b
    Examples:
      yolopatch train yolov8-revcol-n --data d/data.yaml --epochs 50 --imgsz 320
      yolopatch train yolov5-revcol-n --data d/data.yaml -- --optimizer AdamW --cos-lr
      yolopatch train yolov5-revcol-n --resume
    """
    talk = reporter(quiet, verbose)
    record = _resume(workspace, names, talk) if names["resume"] is not None else _train(workspace, names, talk)
    if as_json:
        print_json(record)
        return
    _print(workspace, record)


def _train(workspace: Path, names: dict[str, Any], talk: Any) -> dict[str, Any]:
    from yolopatch.runs.command import Launch
    from yolopatch.workflows.train import TrainRequest, train

    if names["data"] is None:
        raise RequestError("--data is missing; name the data set's YAML (yolopatch data demo makes one)")
    request = TrainRequest(
        workspace=workspace,
        data=names["data"],
        check=not names["no_check"],
        python=str(names["python"]) if names["python"] else None,
        launch=Launch(names["nproc"], names["nnodes"], names["node_rank"], names["master"]),
        further=names["further"],
        **{
            key: names[key]
            for key in ("epochs", "imgsz", "batch", "device", "weights", "seed", "form", "name", "workers")
        },
    )
    return train(request, talk)


def _resume(workspace: Path, names: dict[str, Any], talk: Any) -> dict[str, Any]:
    from yolopatch.workflows.resume import ResumeRequest, resume

    ctx, given = get_current_context(), ParameterSource.COMMANDLINE
    free = ("workspace", "resume", "python", "as_json", "quiet", "verbose", "further")
    other = [name for name in ctx.params if name not in free and ctx.get_parameter_source(name) == given]
    words = (*(f"--{name.replace('_', '-')}" for name in other), *names["further"])
    if words:
        raise RequestError(f"a run goes on with the arguments that it was started with; leave out {words[0]}")
    run = None if names["resume"] == _NEWEST else names["resume"]
    return resume(ResumeRequest(workspace, run, str(names["python"]) if names["python"] else None), talk)


def _print(workspace: Path, record: dict[str, Any]) -> None:
    place = workspace / "runs" / record["name"]
    best = record["best"] or {}
    parts = [f"{place}: {record['epochs_done']} epochs in {record['seconds']:.0f} s"]
    if best:
        shown = ("precision", "recall", "mAP50", "mAP50-95", "AP-small")
        numbers = ", ".join(f"{name} {best[name]:.3f}" for name in shown if name in best)
        parts.append(f"best epoch {best['epoch']}: {numbers}")
    click.echo("; ".join(parts))
    if best.get("weights"):
        click.echo(f"  weights  {place / best['weights']}")
    click.echo(f"  results  {place / 'results.csv'}, {place / 'run.json'}")
