"""Reads a data YAML and finds the pictures of its splits, by the rules that the YOLOs have in common.

Sources: `check_dataset` and `LoadImagesAndLabels` of YOLOv5, YOLOv7 and YOLOv9, `check_det_dataset` of Ultralytics.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Any

import yaml as pyyaml

from yolopatch.datasets.model import PICTURE_SUFFIXES, SPLITS, Dataset, Picture
from yolopatch.errors import RequestError

_MAX_BYTES = 4_000_000
_LOADER: Any = getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)


def load_dataset(yaml: Path) -> Dataset:
    """The data set that the file `yaml` describes.

    `train`, `val` and `test` are a folder, a .txt list of pictures, or a list of those. Relative ones are
    below `path`; a relative `path` is looked for beside the YAML, in the folder above it (where YOLOv5 has its
    root), and in the working directory. `test` may be missing. Pictures of a list need not exist.

    Raises:
        RequestError: the YAML cannot be used; the line says why.
    """
    data = read_yaml(yaml)
    names = _names(yaml, data)
    splits: dict[str, tuple[Picture, ...]] = {}
    absent: list[str] = []
    for split in SPLITS:
        if not data.get(split):
            if split != "test":
                raise RequestError(f"{yaml}: '{split}:' is missing; name the folder or list of its pictures")
            continue
        places = locate(yaml, data, split)
        if any(not place.exists() for place in places):
            if split != "test":
                raise _not_found(yaml, data, split, places)
            absent.append(split)
            continue
        splits[split] = _pictures(yaml, split, places)
    return Dataset(yaml, names, splits, tuple(absent))


def read_yaml(yaml: Path) -> dict[str, Any]:
    """The mapping in the file `yaml`.

    Raises:
        RequestError: it cannot be read, or is no mapping.
    """
    try:
        if yaml.stat().st_size > _MAX_BYTES:
            raise RequestError(f"{yaml}: larger than {_MAX_BYTES} bytes; this is no data YAML")
        data = pyyaml.load(yaml.read_text(encoding="utf-8"), Loader=_LOADER)
    except OSError as error:
        raise RequestError(f"{yaml}: cannot be read ({error.strerror or error}); name a data YAML") from error
    except (pyyaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark is not None else ""
        raise RequestError(f"{yaml}{where}: not valid YAML; correct it or name another file") from error
    if not isinstance(data, dict):
        raise RequestError(f"{yaml}: holds no 'train:', 'val:' and 'names:'; name a data YAML")
    return data


def locate(yaml: Path, data: dict[str, Any], split: str) -> list[Path]:
    """The folders and lists of `split`, absolute; those that exist where any reading of the YAML finds them.

    Raises:
        RequestError: the entry is neither text nor a list of texts.
    """
    value = data[split]
    entries = value if isinstance(value, list) else [value]
    if not all(isinstance(entry, str) for entry in entries):
        raise RequestError(f"{yaml}: '{split}:' must be a folder, a .txt list, or a list of those")
    readings = [[_join(root, entry) for entry in entries] for root in _roots(yaml, data)]
    return next((places for places in readings if all(place.exists() for place in places)), readings[0])


def label_of(picture: Path) -> Path:
    """The label file of a picture by upstream's rule: the last folder `images` becomes `labels`, the suffix .txt."""
    before, between, after = str(picture).rpartition(f"{os.sep}images{os.sep}")
    text = f"{before}{os.sep}labels{os.sep}{after}" if between else after
    return Path(text).with_suffix(".txt")


def _names(yaml: Path, data: dict[str, Any]) -> tuple[str, ...]:
    names = data.get("names")
    if isinstance(names, dict):
        if sorted(names, key=str) != sorted(range(len(names)), key=str):
            raise RequestError(f"{yaml}: the keys of 'names:' must be 0 to {len(names) - 1}, one a class")
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise RequestError(f"{yaml}: 'names:' must list the classes")
    nc = data.get("nc", len(names))
    if type(nc) is not int or nc != len(names):
        raise RequestError(f"{yaml}: 'nc: {nc}' but 'names:' lists {len(names)}; correct one of the two")
    return tuple(str(name) for name in names)


def _roots(yaml: Path, data: dict[str, Any]) -> list[Path]:
    path = data.get("path") or ""
    if not isinstance(path, str):
        raise RequestError(f"{yaml}: 'path:' must be a folder")
    folder = yaml.absolute().parent
    return [Path(os.path.normpath(root / path)) for root in (folder, folder.parent, Path.cwd())]


def _join(root: Path, entry: str) -> Path:
    place = Path(os.path.normpath(root / entry))
    if not place.exists() and entry.startswith("../"):  # as YOLOv5 and Ultralytics do for old Roboflow exports
        return Path(os.path.normpath(root / entry[3:]))
    return place


def _not_found(yaml: Path, data: dict[str, Any], split: str, places: list[Path]) -> RequestError:
    gone = next(place for place in places if not place.exists())
    fix = "correct 'path:' or the entry"
    if data.get("download"):
        fix = f"{fix}, or fetch the data first (the YAML's 'download:' says from where)"
    return RequestError(f"{yaml}: '{split}:' not found: {gone}; {fix}")


def _pictures(yaml: Path, split: str, places: list[Path]) -> tuple[Picture, ...]:
    found: list[str] = []
    for place in places:
        found += _in_folder(place) if place.is_dir() else _in_list(yaml, split, place)
    pictures = sorted(path for path in found if Path(path).suffix.lower() in PICTURE_SUFFIXES)
    if not pictures:
        raise RequestError(f"{yaml}: no pictures in {places[0]} ('{split}:'); add some, or correct the entry")
    return tuple(Picture(Path(path), label_of(Path(path))) for path in pictures)


def _in_folder(folder: Path) -> list[str]:
    # glob, not rglob: upstream passes over hidden files, and so must we
    return glob.glob(str(Path(glob.escape(str(folder))) / "**" / "*.*"), recursive=True)  # noqa: PTH207


def _in_list(yaml: Path, split: str, file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8").strip().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{yaml}: '{split}:' {file} is no list of pictures, one path a line") from error
    return [os.path.normpath(file.parent / line if line.startswith("./") else Path.cwd() / line) for line in lines]
