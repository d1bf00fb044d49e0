"""A model's YAML without what detection does not use: which rows stay, and how they are written then."""

from __future__ import annotations

import copy
from typing import Any

Config = dict[str, Any]

# Options of RevCol's row that say how it is trained or what it starts from. The file named by `weights` may be gone.
TRAINING_OPTIONS = ("supervision", "weights")
LEVELS = 4  # of one column


def for_inference(config: Config) -> Config:
    """The same model; RevCol's row loses the options of training."""
    config = copy.deepcopy(config)
    for row in _rows(config):
        _set_options(row, {name: value for name, value in _options(row).items() if name not in TRAINING_OPTIONS})
    return config


def lead_only(config: Config, inputs: str, detector: str) -> tuple[Config, list[int]]:
    """The rows that detection needs, and `detector` in the place of the last.

    Args:
        config: what upstream's parser takes, rows [from, number, module, args] under `backbone` and `head`.
        inputs: `all`, `first` or `second`: which half of the last row's inputs stays.
        detector: the module of the last row.

    Returns:
        The new YAML, and the old number of each of its rows, in order. `config` is left as it is.

    Raises:
        ValueError: the last row's inputs have no two halves.
    """
    config = for_inference(config)
    rows = _rows(config)
    sources = [_absolute(row[0], number) for number, row in enumerate(rows)]
    sources[-1] = _half(sources[-1], inputs)
    kept = _needed(sources)
    number_of = {old: new for new, old in enumerate(kept)}
    number_of[-1] = -1  # the picture, which the first row takes
    for old in kept:
        rows[old][0] = _written(rows[old][0], [number_of[source] for source in sources[old]], number_of[old])
    rows[-1][2] = detector
    _trim_columns([rows[old] for old in kept])
    split = len(config["backbone"])
    config["backbone"] = [rows[old] for old in kept if old < split]
    config["head"] = [rows[old] for old in kept if old >= split]
    return config, kept


def _rows(config: Config) -> list[Any]:
    return [*config["backbone"], *config["head"]]


def _absolute(source: int | list[int], number: int) -> list[int]:
    """The rows that row `number` takes; -1 is the picture."""
    found = source if isinstance(source, list) else [source]
    return [one if one >= 0 else max(number + one, -1) for one in found]


def _written(source: int | list[int], found: list[int], number: int) -> int | list[int]:
    """The numbers of the rows that row `number` takes, -1 for the one before where it was written so."""
    if isinstance(source, list):
        return [-1 if -1 in source and one == number - 1 else one for one in found]
    return -1 if source == -1 and found[0] == number - 1 else found[0]


def _half(sources: list[int], inputs: str) -> list[int]:
    if inputs == "all":
        return sources
    if len(sources) % 2:
        raise ValueError(f"its detection row takes {len(sources)} inputs, which are no two halves")
    middle = len(sources) // 2
    return sources[:middle] if inputs == "first" else sources[middle:]


def _needed(sources: list[list[int]]) -> list[int]:
    """All rows that the last one depends on, itself too, in order."""
    found: set[int] = set()
    wanted = [len(sources) - 1]
    while wanted:
        number = wanted.pop()
        if number >= 0 and number not in found:
            found.add(number)
            wanted.extend(sources[number])
    return sorted(found)


def _trim_columns(rows: list[Any]) -> None:
    """Leave out auxiliary columns that no row picks a level of. The rows are numbered as they stand."""
    for number, row in enumerate(rows):
        columns = _options(row).get("aux_columns")
        if not columns:
            continue
        takers = [taker for place, taker in enumerate(rows) if number in _absolute(taker[0], place)]
        if any(taker[2] != "PickLevel" for taker in takers):
            continue  # it uses the list as a whole
        used = sorted({(taker[3][0] - LEVELS) // LEVELS for taker in takers if taker[3][0] >= LEVELS})
        for taker in takers:
            if taker[3][0] >= LEVELS:
                column, level = divmod(taker[3][0] - LEVELS, LEVELS)
                taker[3][0] = LEVELS * (1 + used.index(column)) + level
        options = {name: value for name, value in _options(row).items() if name != "aux_columns"}
        _set_options(row, {**options, "aux_columns": [columns[one] for one in used]} if used else options)


def _options(row: Any) -> dict[str, Any]:
    """The options of RevCol's row; of any other row none."""
    return dict(row[3][3] or {}) if row[2] == "RevCol" and len(row[3]) > 3 else {}


def _set_options(row: Any, options: dict[str, Any]) -> None:
    if row[2] == "RevCol":
        row[3] = [*row[3][:3], *([options] if options else [])]
