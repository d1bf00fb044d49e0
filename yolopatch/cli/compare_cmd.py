"""`yolopatch compare`: many models measured in turns, and the result as tables and one HTML file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from yolopatch.cli.options import json_option, list_option, reporter, talk_options
from yolopatch.cli.output import print_json, table
from yolopatch.errors import RequestError

if TYPE_CHECKING:
    from yolopatch.compare.comparison import Comparison
    from yolopatch.workflows.compare import CompareRequest

PARTS = ("static", "latency", "training", "memory", "onnx")
_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command("compare")
@click.argument("workspaces", nargs=-1, type=click.Path(path_type=Path), metavar="[WORKSPACE]...")
@list_option("--yolo", "yolos", "yolo", "Make and take workspaces of these YOLOs, with commas between.")
@list_option("--variant", "variants", "variant", "Of these variants; default: stock,revcol-a.")
@list_option("--head", "heads", "head", "With these heads; default: p3-p5.")
@click.option("--nc", type=int, metavar="N", help="Number of classes of workspaces that are made; default: 80.")
@click.option(
    "--work",
    type=_FOLDER,
    default=Path(),
    metavar="FOLDER",
    help="Where workspaces by name are, and are made; default: the current folder.",
)
@click.option("--origin", type=click.Choice(("auto", "git", "pypi")), default="auto", show_default=True)
@click.option("--remote", metavar="URL", help="Git mirror to fetch from, with one --yolo.")
@click.option("--offline", is_flag=True, help="Use the cache alone.")
@click.option("--from", "files", multiple=True, metavar="FILE", help="Measurements of --save; 'last': the newest.")
@click.option("--baseline", metavar="NAME", help="Model that ratios are taken to; default: the first stock one.")
@click.option("--run", "runs", multiple=True, metavar="RUN", help="Only results of runs of this name; default: all.")
@click.option("--no-runs", is_flag=True, help="No results of trainings.")
@click.option("--only", default=",".join(PARTS), metavar="PARTS", help=f"What to measure, of {','.join(PARTS)}.")
@click.option("--imgsz", default="640", show_default=True, metavar="SIZES", help="Sides of images in eval.")
@click.option("--batch", default="1", show_default=True, metavar="SIZES", help="Batches in eval.")
@click.option("--train-imgsz", type=int, default=320, show_default=True, metavar="S", help="Side in training.")
@click.option("--train-batch", type=int, default=2, show_default=True, metavar="N", help="Batch in training.")
@click.option("--columns", default="", metavar="NUMBERS", help="Memory with so many columns of RevCol too: 2,4,8.")
@click.option("--rounds", type=int, default=5, show_default=True, metavar="N", help="Turns of each model.")
@click.option("--seconds", type=float, default=0.5, show_default=True, metavar="S", help="Least length of a turn.")
@click.option("--device", default="cpu", show_default=True, metavar="D", help="cpu, or a GPU's number.")
@click.option("--fresh", is_flag=True, help="Measure anew what an interrupt has left unfinished.")
@click.option("--python", metavar="PATH", help="Interpreter to measure with; default: this one.")
@click.option("--report", type=_FILE, metavar="FILE", help="Write the report: one HTML file that needs no network.")
@click.option("--csv", type=_FILE, metavar="FILE", help="Also write CSV.")
@click.option("--latex", type=_FILE, metavar="FILE", help="Also write a booktabs table.")
@click.option("--save", type=_FILE, metavar="FILE", help="Also write the measurements, for --from.")
@json_option
@talk_options
def command(as_json: bool, quiet: bool, verbose: bool, **given: Any) -> int:
    """Compare models: size, operations, speed, memory, ONNX, and the accuracy of finished runs.

    All models are measured in turns, so that a machine that gets slower or faster favours none. What
    --yolo, --variant and --head name is made where it is missing. Every whole round is kept: after an
    interrupt the same command goes on with the rest.

    \b
    Examples:
      yolopatch compare yolov8-stock yolov8-revcol-a --report report.html
      yolopatch compare --yolo v5,v7,v8,v9 --variant stock,revcol-a --report report.html --save here.json
      yolopatch compare --from here.json --from there.json --csv both.csv
    """
    if given["save"] is not None and len(given["files"]) + bool(given["workspaces"] or given["yolos"]) > 1:
        raise RequestError("--save keeps one measuring; compare several by --from FILE --from FILE")
    outputs = {name: given[name] for name in ("report", "csv", "latex", "save")}
    _check_outputs(**outputs)
    request = _request(given)
    if given["report"] is not None:
        from yolopatch.compare.page import require

        require()
    from yolopatch.workflows.compare import compare

    found = compare(request, reporter(quiet, verbose))
    _write(found, **outputs)
    if as_json:
        from yolopatch.compare.document import to_json

        print_json(to_json(found))
    else:
        _print(found)
    return 1 if any(member.entry.failed for member in found.members) else 0


def _request(given: dict[str, Any]) -> CompareRequest:
    from yolopatch.compare.model import How
    from yolopatch.workflows.compare import CompareRequest
    from yolopatch.workflows.compare_trees import Names

    named = any(given[name] for name in ("yolos", "variants", "heads"))
    if not named and given["nc"] is not None:
        raise RequestError("--nc is for workspaces that are made; name them by --yolo and --variant")
    names = Names(
        yolos=given["yolos"],
        variants=given["variants"] or ("stock", "revcol-a"),
        heads=given["heads"] or ("p3-p5",),
        classes=given["nc"],
        **{name: given[name] for name in ("work", "origin", "remote", "offline")},
    )
    how = How(
        parts=_parts(given["only"]),
        imgsz=_numbers("--imgsz", given["imgsz"], least=32),
        batch=_numbers("--batch", given["batch"]),
        train_imgsz=_number("--train-imgsz", given["train_imgsz"], 32),
        train_batch=_number("--train-batch", given["train_batch"], 1),
        rounds=_number("--rounds", given["rounds"], 1),
        seconds=_seconds(given["seconds"]),
        columns=_numbers("--columns", given["columns"]) if given["columns"] else (),
        device=given["device"],
    )
    return CompareRequest(
        workspaces=given["workspaces"],
        names=names if named else None,
        files=given["files"],
        how=how,
        baseline=given["baseline"],
        runs=given["runs"],
        results=not given["no_runs"],
        python=given["python"],
        fresh=given["fresh"],
    )


def _parts(text: str) -> tuple[str, ...]:
    from yolopatch.catalog.names import unknown

    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for part in found:
        if part not in PARTS:
            raise unknown("part for --only", part, PARTS)
    return tuple(part for part in PARTS if part in found or part == "static")


def _numbers(option: str, text: str, least: int = 1) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdecimal() for part in parts):
        raise RequestError(f"{option} is '{text}'; give whole numbers with commas between")
    return tuple(dict.fromkeys(_number(option, int(part), least) for part in parts))


def _number(option: str, value: int, least: int) -> int:
    if value < least:
        raise RequestError(f"{option} is {value}; it must be {least} or more")
    if "imgsz" in option and value % 32:
        raise RequestError(f"{option} is {value}; it must be a multiple of 32, the models' largest stride")
    return value


def _seconds(value: float) -> float:
    if not 0 <= value < float("inf"):
        raise RequestError(f"--seconds is {value:g}; it must be a number of seconds, 0 or more")
    return value


def _check_outputs(report: Path | None, csv: Path | None, latex: Path | None, save: Path | None) -> None:
    """Before anything is measured: a wrong name should not cost the measuring, nor a file of the user's."""
    from yolopatch.compare import store, text

    for option, file, ending in (("report", report, ".html"), ("csv", csv, ".csv"), ("latex", latex, ".tex"), ("save", save, ".json")):  # fmt: skip # noqa: E501
        if file is None:
            continue
        if file.suffix != ending:
            raise RequestError(f"--{option} is {file}; name a file that ends in {ending}")
        if not file.absolute().parent.is_dir():
            raise RequestError(f"{file} cannot be written: {file.parent} is no folder; name another file")
    if report is not None and report.exists() and not _is_report(report):
        raise RequestError(f"{report} is no report of ours and is not overwritten; name another for --report")
    if save is not None and save.exists() and not store.is_ours(save):
        raise RequestError(f"{save} is no file of measurements and is not overwritten; name another for --save")
    for option, file in (("csv", csv), ("latex", latex)):
        if file is not None and file.exists() and not text.is_ours(_beginning(file)):
            raise RequestError(f"{file} is no table of compare's and is not overwritten; name another for --{option}")


def _is_report(file: Path) -> bool:
    return 'name="generator" content="yolopatch' in _beginning(file)


def _beginning(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as stream:
        return stream.read(2000)


def _write(found: Comparison, report: Path | None, csv: Path | None, latex: Path | None, save: Path | None) -> None:
    from yolopatch.compare import store
    from yolopatch.compare.document import merged
    from yolopatch.compare.page import to_html
    from yolopatch.compare.text import to_csv, to_latex

    makers: list[tuple[Path | None, Callable[[Comparison], str]]] = [
        (save, merged),
        (report, to_html),
        (csv, to_csv),
        (latex, to_latex),
    ]
    texts = [(file, maker(found)) for file, maker in makers if file is not None]
    for file, text in texts:
        store.write(file, text)


def _print(found: Comparison) -> None:
    from yolopatch.compare.text import remarks, tables

    for title, header, rows, lines in tables(found):
        click.echo(title)
        table(rows, header)
        for line in lines:
            click.echo(f"  {line}")
        click.echo()
    for line in remarks(found):
        click.echo(line)
