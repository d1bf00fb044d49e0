"""What a RevCol is built from: checked once, here, and passed on as one frozen value."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, SupportsIndex

LEVELS = 4
FUSIONS = ("sum", "weighted", "attention")


@dataclass(frozen=True)
class SupervisionSettings:
    """The options of intermediate supervision.

    Attributes:
        classes: number of classes of the detector; `parse_row` fills it in.
        reconstruction, classification: the reference's F and C.
        scale: of all terms together, to put them beside a detector's loss.
        close: the number of last epochs that are trained without it.
    """

    classes: int
    reconstruction: float = 3.0
    classification: float = 0.7
    scale: float = 0.1
    close: int = 0


@dataclass(frozen=True)
class Settings:
    """The shape and the options of one RevCol, explained there. `Settings.of` makes and checks one."""

    channels: tuple[int, ...]
    blocks: tuple[int, ...]
    columns: int
    in_channels: int = 3
    kernel_size: int = 3
    layer_scale: float = 1e-6
    drop_path: float = 0.0
    fusion: str = "sum"
    stem: str = "patch"
    init: str = "paper"
    aux_columns: tuple[int, ...] = ()
    deep_up: bool = False
    mode: str = "exact"
    saves: str = "auto"
    weights: str = ""
    supervision: SupervisionSettings | None = None

    @classmethod
    def of(cls, channels: object, blocks: object, columns: object, options: Mapping[str, Any]) -> Settings:
        """Check the arguments of a YAML row; nothing that is passed in is kept or changed.

        Raises:
            ValueError: an argument or option is wrong; the message names it and says what is expected.
        """
        _refuse_unknown(options, OPTIONS)
        values: dict[str, Any] = {name: _CHECKS[name](name, value) for name, value in options.items()}
        values["columns"] = count = _integer("columns", columns)
        values["aux_columns"] = _columns("aux_columns", options.get("aux_columns", ()), count)
        return cls(channels=_four("channels", channels), blocks=_four("blocks", blocks), **values)

    @property
    def output_channels(self) -> list[int]:
        """Channels of each tensor that the model returns."""
        return list(self.channels) * (1 + len(self.aux_columns))

    def saved(self, level: int) -> str:
        """What a block of a level keeps.

        Where one level's graph exists at a time, the finest one is the peak. The others can afford the
        input of GELU, which spares them a matrix product, and there that is what the time goes into.
        """
        if self.saves != "auto":
            return self.saves
        return "hidden" if self.mode == "exact" and level > 0 else "input"

    def drop_path_rates(self, level: int) -> list[float]:
        """Stochastic depth rates of a level's blocks: linear over a column, the same in every column."""
        total = sum(self.blocks)
        first = sum(self.blocks[:level])
        step = self.drop_path / (total - 1) if total > 1 else 0.0
        return [step * (first + index) for index in range(self.blocks[level])]


def _refuse_unknown(options: Mapping[str, Any], known: Iterable[str], what: str = "RevCol") -> None:
    unknown = [name for name in options if name not in known]
    if not unknown:
        return
    near = difflib.get_close_matches(str(unknown[0]), list(known), n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(known)}"
    raise ValueError(f"{what} has no option {unknown[0]!r}; {hint}")


def _refuse(name: str, expected: str, value: object) -> NoReturn:
    raise ValueError(f"RevCol: {name} must be {expected}, not {value!r}")


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        _refuse(name, "a whole number", value)
    if operator.index(value) < 1:
        _refuse(name, "at least 1", operator.index(value))
    return operator.index(value)


def _count(name: str, value: object) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else _integer(name, value)


def _items(name: str, value: object) -> list[object]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        _refuse(name, "a list of whole numbers", value)
    return list(value)


def _four(name: str, value: object) -> tuple[int, ...]:
    items = _items(name, value)
    if len(items) != LEVELS:
        raise ValueError(f"RevCol: {name} must have {LEVELS} entries, one a level, not {len(items)}: {items}")
    return tuple(_integer(f"{name}[{index}]", item) for index, item in enumerate(items))


def _odd(name: str, value: object) -> int:
    if _integer(name, value) % 2 == 0:
        _refuse(name, "odd, so that sizes are kept", value)
    return _integer(name, value)


def _number(name: str, value: object) -> float:
    # YAML 1.1 reads 1e-6, without a point, as a string: take what the user plainly meant.
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        _refuse(name, "a number", value)
    try:
        number = float(value)
    except ValueError:
        _refuse(name, "a number", value)
    if not 0.0 <= number < float("inf"):
        _refuse(name, "finite and not negative", value)
    return number


def _rate(name: str, value: object) -> float:
    rate = _number(name, value)
    if rate >= 1.0:
        _refuse(name, "less than 1", value)
    return rate


def _one_of(*choices: str) -> Callable[[str, object], str]:
    def check(name: str, value: object) -> str:
        if not isinstance(value, str) or value not in choices:
            _refuse(name, f"one of {', '.join(choices)}", value)
        return value

    return check


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        _refuse(name, "true or false", value)
    return value


def _path(name: str, value: object) -> str:
    if not isinstance(value, str):
        _refuse(name, "the path of a file", value)
    return value


def _columns(name: str, value: object, count: int) -> tuple[int, ...]:
    chosen = tuple(_integer(f"{name}[{index}]", item) for index, item in enumerate(_items(name, value)))
    for column in chosen:
        if column > count:
            raise ValueError(f"RevCol: {name} has {column}, but there are only {count} columns")
        if column == count:
            raise ValueError(
                f"RevCol: {name} has {column}, the last column, whose levels are the outputs 0 to 3 already"
            )
    if len(set(chosen)) != len(chosen):
        raise ValueError(f"RevCol: {name} names a column twice: {list(chosen)}")
    return chosen


def _supervision(name: str, value: object) -> SupervisionSettings | None:
    if value is None or value is False:
        return None
    if not isinstance(value, Mapping):
        _refuse(name, "true or a mapping of its options, in a YAML row of a model with classes", value)
    _refuse_unknown(value, _SUPERVISION, "RevCol's supervision")
    if "classes" not in value:
        raise ValueError("RevCol: supervision needs `classes`, the number of classes of the detector")
    return SupervisionSettings(**{key: _SUPERVISION[key](f"{name}.{key}", item) for key, item in value.items()})


_SUPERVISION: dict[str, Callable[[str, object], Any]] = {
    "classes": _integer,
    "reconstruction": _number,
    "classification": _number,
    "scale": _number,
    "close": _count,
}
_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "in_channels": _integer,
    "kernel_size": _odd,
    "layer_scale": _number,
    "drop_path": _rate,
    "fusion": _one_of(*FUSIONS),
    "stem": _one_of("patch", "overlap"),
    "init": _one_of("paper", "kaiming"),
    "aux_columns": _items,
    "deep_up": _flag,
    "mode": _one_of("exact", "plain"),
    "saves": _one_of("auto", "input", "hidden", "all"),
    "weights": _path,
    "supervision": _supervision,
}
OPTIONS = tuple(_CHECKS)
