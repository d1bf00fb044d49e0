"""The ways of `yolopatch data`: make the demo set, check a data set, convert COCO JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from yolopatch.console import Reporter
from yolopatch.datasets import DatasetReport, check_dataset, rewrite
from yolopatch.datasets.coco import check_instances
from yolopatch.datasets.convert import Converted, convert
from yolopatch.datasets.demo import Demo, demo_numbers, make_demo
from yolopatch.errors import RequestError


def demo(folder: Path, *, images: int, size: int, digits: str, seed: int, talk: Reporter) -> Demo:
    """Make the demo set in `folder`.

    Raises:
        RequestError: `folder` is taken, or a number is out of range.
        EnvironmentFailed: a package is missing, or nothing can be written.
    """
    total = sum(demo_numbers(images).values())
    with talk.task(f"making {total} pictures", total) as task:
        return make_demo(folder, images=images, size=size, shown=digits, seed=seed, step=task.update)


def check(source: Path, *, images: tuple[Path, ...], talk: Reporter) -> DatasetReport:
    """Check a data YAML, or an instances JSON (its pictures too, where `images` names their folders).

    Raises:
        RequestError: `source` cannot be used at all.
        EnvironmentFailed: Pillow is missing.
    """
    is_json = source.suffix.lower() == ".json"
    if images and not is_json:
        raise RequestError("--images goes with an instances JSON; a data YAML says itself where its pictures are")
    with talk.task(f"checking {source}") as task:
        if is_json:
            return check_instances(source, images, task.update)
        return check_dataset(source, task.update)


def rewrite_yaml(source: Path, out: Path) -> None:
    """Write what the data YAML `source` says to `out`, as all four YOLOs read it.

    Raises:
        RequestError: `source` cannot be used, or `out` exists or cannot be written.
    """
    text = rewrite(source)
    try:
        with out.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise RequestError(f"{out} exists; name another file for --rewrite") from error
    except OSError as error:
        raise RequestError(f"{out}: cannot be written ({error.strerror or error}); name another file") from error


def convert_instances(
    sources: Mapping[str, Path], images: tuple[Path, ...], out: Path, *, copy: bool, talk: Reporter
) -> Converted:
    """Turn instances JSONs, one a split, into a YOLO data set in `out`.

    Raises:
        RequestError: a JSON or picture cannot be used, or `out` is taken.
        EnvironmentFailed: Pillow is missing, or nothing can be written.
    """
    with talk.task(f"converting {', '.join(path.name for path in sources.values())}") as task:
        return convert(sources, images, out, copy=copy, step=task.update)
