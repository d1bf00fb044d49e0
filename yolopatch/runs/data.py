"""A data set as a run hands it to upstream: one YAML that all four YOLOs read alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from yolopatch.datasets import Dataset


def write_data(dataset: Dataset, folder: Path) -> Path:
    """Write `folder`/data.yaml with absolute lists of the pictures; the file.

    The YOLOs disagree on what `path:` and relative entries mean, and renumber the classes of a data set that
    is called coco; of absolute lists they all make the same, and keep the numbers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    places = {}
    for split, pictures in dataset.splits.items():
        place = folder / f"{split}.txt"
        lines = (str(picture.path.absolute()) for picture in pictures)
        place.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        places[split] = str(place.absolute())
    document = {
        "path": str(folder.absolute()),
        **places,
        "nc": len(dataset.names),
        "names": list(dataset.names),
    }
    return _write(folder / "data.yaml", document)


def as_val(data: Path, split: str) -> Path:
    """A copy of a data YAML of ours whose `val` is `split`, beside it: for a validation that knows no other split."""
    document = yaml.safe_load(data.read_text(encoding="utf-8"))
    return _write(data.with_name(f"{data.stem}-{split}.yaml"), {**document, "val": document[split]})


def _write(file: Path, document: dict[str, Any]) -> Path:
    file.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return file
