"""`yolopatch data`: a data set that is always at hand, checks of yours, and COCO JSON as YOLO labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click

from yolopatch.cli.options import json_option, reporter, talk_options
from yolopatch.cli.output import print_json, table
from yolopatch.errors import RequestError

if TYPE_CHECKING:
    from yolopatch.datasets import DatasetReport
    from yolopatch.datasets.convert import Converted

_SHOWN = 20  # findings on the screen; --json has all

_path = click.Path(path_type=Path)


@click.group("data")
def command() -> None:
    """Make, check and convert data sets.

    \b
    Examples:
      yolopatch data demo digits
      yolopatch data check digits/data.yaml
      yolopatch data convert --train train.json --val val.json --images pictures OUT
    """


@command.command("demo")
@click.argument("folder", metavar="DIR", type=_path)
@click.option("--images", type=int, default=1000, show_default=True, metavar="N", help="Pictures to train on.")
@click.option("--size", type=int, default=128, show_default=True, metavar="PX", help="Side of a picture.")
@click.option(
    "--digits", default="0147", show_default=True, metavar="DIGITS", help="Each is a class; 0123456789 is harder."
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Another seed, another set.")
@json_option
@talk_options
def demo_command(
    folder: Path, images: int, size: int, digits: str, seed: int, as_json: bool, quiet: bool, verbose: bool
) -> None:
    """Make a set for small-object detection in DIR: handwritten digits of 6 to 20 pixels on photographs.

    Digits and photographs come from the packages scikit-learn and scikit-image; nothing is downloaded. The
    splits val and test have a quarter of N pictures each, and no digit or photograph of theirs is in another split.

    \b
    Examples:
      yolopatch data demo digits
      yolopatch data demo many --images 4000 --digits 0123456789 --seed 1
    """
    from yolopatch.workflows.data import demo

    made = demo(folder, images=images, size=size, digits=digits, seed=seed, talk=reporter(quiet, verbose))
    if as_json:
        print_json(made.to_json())
        return
    rows = [(split, str(number), str(made.objects[split])) for split, number in made.pictures.items()]
    table(rows, ("SPLIT", "PICTURES", "DIGITS"))
    click.echo(f"{made.yaml} is ready for training at {size} pixels; whose material it is: {folder / 'LICENCES.md'}")


@command.command("check")
@click.argument("source", metavar="D.yaml|INSTANCES.json", type=_path)
@click.option("--images", type=_path, multiple=True, metavar="DIR", help="Where the pictures of the JSON are.")
@click.option("--rewrite", type=_path, metavar="FILE", help="Write a data YAML that all four YOLOs read alike.")
@json_option
@talk_options
def check_command(
    source: Path, images: tuple[Path, ...], rewrite: Path | None, as_json: bool, quiet: bool, verbose: bool
) -> int:
    """Tell what v5, v7, v8 or v9 would refuse or pass over in a data set, and how many objects are small.

    Exit code 0: all four accept it. 1: there are problems. 2: the file cannot be used at all.

    \b
    Examples:
      yolopatch data check digits/data.yaml
      yolopatch data check coco.yaml --rewrite portable.yaml
      yolopatch data check instances.json --images pictures
    """
    from yolopatch.workflows.data import check, rewrite_yaml

    report = check(source, images=images, talk=reporter(quiet, verbose))
    if rewrite is not None:
        rewrite_yaml(source, rewrite)
    if as_json:
        print_json(report.to_json())
    else:
        _print_report(report)
    return 0 if report.ok else 1


@command.command("convert")
@click.argument("paths", nargs=-1, required=True, metavar="[INSTANCES.json] OUT", type=_path)
@click.option("--train", type=_path, metavar="JSON", help="Instances to train on; the same as INSTANCES.json.")
@click.option("--val", type=_path, metavar="JSON", help="Instances to validate on.")
@click.option("--test", type=_path, metavar="JSON", help="Instances to test on.")
@click.option("--images", type=_path, multiple=True, required=True, metavar="DIR", help="Pictures; may be repeated.")
@click.option("--copy", is_flag=True, help="Copy pictures also where the disk can link them.")
@json_option
@talk_options
def convert_command(
    paths: tuple[Path, ...],
    train: Path | None,
    val: Path | None,
    test: Path | None,
    images: tuple[Path, ...],
    copy: bool,
    as_json: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Turn COCO's instances JSON into YOLO labels and a data YAML in OUT.

    \b
    Examples:
      yolopatch data convert instances.json --images pictures OUT
      yolopatch data convert --train a.json --val b.json --images train2017 --images val2017 OUT
    """
    from yolopatch.workflows.data import convert_instances

    sources, out = _sources(paths, train, val, test)
    talk = reporter(quiet, verbose)
    made = convert_instances(sources, images, out, copy=copy, talk=talk)
    if "val" not in made.splits:
        talk.warn("no --val: the YAML validates on the training pictures, which says little")
    if as_json:
        print_json(made.to_json())
    else:
        _print_converted(made)


def _sources(
    paths: tuple[Path, ...], train: Path | None, val: Path | None, test: Path | None
) -> tuple[dict[str, Path], Path]:
    *given, out = paths
    if len(given) > 1:
        raise RequestError("one INSTANCES.json and OUT are due; name the others with --val and --test")
    if bool(given) == (train is not None):
        raise RequestError("name the instances to train on once: INSTANCES.json before OUT, or --train JSON")
    named = {"train": train or given[0], "val": val, "test": test}
    return {split: path for split, path in named.items() if path is not None}, out


def _print_report(report: DatasetReport) -> None:
    columns = ("pictures", "backgrounds", "objects", "tiny", "small", "medium", "large")
    rows = [(split, *(str(getattr(count, name)) for name in columns)) for split, count in report.splits.items()]
    table(rows, ("SPLIT", *(name.upper() for name in columns)))
    click.echo("tiny: below 10 pixels (of the small ones); small: below 32x32, large: from 96x96 pixels\n")
    by_class = [
        (name, *(str(count.by_class[name]) for count in report.splits.values())) for name in dict.fromkeys(report.names)
    ]
    table(by_class, ("CLASS", *(split.upper() for split in report.splits)))
    click.echo()
    _print_findings("note", report.notes)
    _print_findings("yaml", report.not_portable)
    _print_findings("problem", report.problems)
    if report.not_portable:
        click.echo(
            f"yolopatch train hands over a YAML that fits; by hand: yolopatch data check {report.source} --rewrite FILE"
        )
    if report.ok:
        click.echo(f"{report.source}: fine, v5, v7, v8 and v9 accept it")
    else:
        number = len(report.problems) + len(report.not_portable)
        click.echo(f"{report.source}: {number} {'problem' if number == 1 else 'problems'}")


def _print_findings(word: str, lines: tuple[str, ...]) -> None:
    for line in lines[:_SHOWN]:
        click.echo(f"{word}: {line}")
    if len(lines) > _SHOWN:
        click.echo(f"{word}: and {len(lines) - _SHOWN} more; --json lists all")


def _print_converted(made: Converted) -> None:
    columns = ("pictures", "objects", "crowds", "clipped", "without_area", "duplicates")
    rows: list[tuple[Any, ...]] = [
        (split, *(str(getattr(count, name)) for name in columns)) for split, count in made.splits.items()
    ]
    table(rows, ("SPLIT", *(name.upper().replace("_", " ") for name in columns)))
    click.echo("left out: crowds (and ignored boxes), without area, duplicates; clipped ones are cut at the edge")
    click.echo(f"{len(made.names)} classes; {made.linked} pictures linked, {made.copied} copied")
    click.echo(f"{made.yaml} is ready; yolopatch data check {made.yaml} looks at every file")
