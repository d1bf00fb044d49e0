"""Writes a data YAML that all four YOLOs read from any working directory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml as pyyaml

from yolopatch.datasets.model import SPLITS
from yolopatch.datasets.yaml_file import load_dataset, locate, read_yaml


def portable_yaml(names: Sequence[str], splits: Mapping[str, Sequence[Path] | Path], comment: str = "") -> str:
    """The text of a data YAML with absolute paths.

    YOLOv7 passes over `path:` and wants `nc:`, YOLOv5, YOLOv9 and Ultralytics look for a relative `path:` in three
    different places. Absolute entries, `nc` and a list of names are what they have in common.
    """
    data: dict[str, object] = {}
    for split in SPLITS:
        if split in splits:
            places = splits[split]
            data[split] = str(places) if isinstance(places, Path) else [str(place) for place in places]
    data["nc"] = len(names)
    data["names"] = list(names)
    head = "".join(f"# {line}\n" for line in comment.splitlines())
    return head + pyyaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)


def rewrite(yaml: Path) -> str:
    """What `yaml` says, as a data YAML that all four YOLOs read from any working directory.

    Lists of pictures are named as they are; lines in them that are relative stay so.

    Raises:
        RequestError: `yaml` cannot be used.
    """
    dataset = load_dataset(yaml)
    data = read_yaml(yaml)
    places = {split: locate(yaml, data, split) for split in dataset.splits}
    one = {split: found[0] if len(found) == 1 else found for split, found in places.items()}
    return portable_yaml(dataset.names, one, f"{yaml.name} with absolute paths")
