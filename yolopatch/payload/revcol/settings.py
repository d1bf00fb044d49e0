"""What a RevCol is built from: checked once, here, and passed on as one frozen value."""

from __future__ import annotations

import difflib
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, SupportsIndex

LEVELS = 4
FUSIONS = ("sum",)
STEMS = ("patch", "overlap")
INITS = ("paper", "kaiming")


@dataclass(frozen=True)
class Settings:
    """The shape and the options of one RevCol. Make one with `Settings.of`, which checks everything.

    Attributes:
        channels: channels of the levels at strides 4, 8, 16 and 32.
        blocks: blocks of each level.
        columns: number of columns.
        in_channels: channels of the input image.
        kernel_size: of the depthwise convolutions, odd.
        layer_scale: initial layer scale of a block's residual branch; 0 leaves the layer scale out.
        drop_path: stochastic depth rate of a column's last block; the rates rise linearly from 0.
        fusion: how a level joins its two inputs, one of FUSIONS.
        stem: one of STEMS.
        init: one of INITS.
        aux_columns: columns, counted from 1, whose levels follow those of the last column in the output.
        deep_up: give level 0 the previous column's level 3 as well, as RevCol-H does.
    """

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

    @classmethod
    def of(cls, channels: object, blocks: object, columns: object, options: Mapping[str, Any]) -> Settings:
        """Check the arguments of a YAML row; nothing that is passed in is kept or changed.

        Raises:
            ValueError: an argument or option is wrong; the message names it and says what is expected.
        """
        _refuse_unknown(options)
        count = _integer("columns", columns, low=1)
        values = dict(options)
        return cls(
            channels=_four("channels", channels),
            blocks=_four("blocks", blocks),
            columns=count,
            in_channels=_integer("in_channels", values.get("in_channels", 3), low=1),
            kernel_size=_odd("kernel_size", values.get("kernel_size", 3)),
            layer_scale=_number("layer_scale", values.get("layer_scale", 1e-6)),
            drop_path=_rate("drop_path", values.get("drop_path", 0.0)),
            fusion=_choice("fusion", values.get("fusion", "sum"), FUSIONS),
            stem=_choice("stem", values.get("stem", "patch"), STEMS),
            init=_choice("init", values.get("init", "paper"), INITS),
            aux_columns=_columns("aux_columns", values.get("aux_columns", ()), count),
            deep_up=_flag("deep_up", values.get("deep_up", False)),
        )

    @property
    def output_channels(self) -> list[int]:
        """Channels of each tensor that the model returns."""
        return list(self.channels) * (1 + len(self.aux_columns))

    def drop_path_rates(self, level: int) -> list[float]:
        """Stochastic depth rates of a level's blocks: linear over a column, the same in every column."""
        total = sum(self.blocks)
        first = sum(self.blocks[:level])
        step = self.drop_path / (total - 1) if total > 1 else 0.0
        return [step * (first + index) for index in range(self.blocks[level])]


OPTIONS = tuple(field.name for field in fields(Settings) if field.name not in ("channels", "blocks", "columns"))


def _refuse_unknown(options: Mapping[str, Any]) -> None:
    unknown = [name for name in options if name not in OPTIONS]
    if not unknown:
        return
    near = difflib.get_close_matches(str(unknown[0]), OPTIONS, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"it knows {', '.join(OPTIONS)}"
    raise ValueError(f"RevCol has no option {unknown[0]!r}; {hint}")


def _integer(name: str, value: object, *, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise ValueError(f"RevCol: {name} must be a whole number, not {value!r}")
    number = operator.index(value)
    if number < low:
        raise ValueError(f"RevCol: {name} must be at least {low}, not {number}")
    return number


def _items(name: str, value: object) -> list[object]:
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, (Sequence, Iterable)):
        raise ValueError(f"RevCol: {name} must be a list of whole numbers, not {value!r}")
    return list(value)


def _four(name: str, value: object) -> tuple[int, ...]:
    items = _items(name, value)
    if len(items) != LEVELS:
        raise ValueError(f"RevCol: {name} must have {LEVELS} entries, one a level, not {len(items)}: {items}")
    return tuple(_integer(f"{name}[{index}]", item, low=1) for index, item in enumerate(items))


def _odd(name: str, value: object) -> int:
    size = _integer(name, value, low=1)
    if size % 2 == 0:
        raise ValueError(f"RevCol: {name} must be odd, so that sizes are kept, not {size}")
    return size


def _number(name: str, value: object) -> float:
    # YAML 1.1 reads 1e-6, without a point, as a string: take what the user plainly meant.
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"RevCol: {name} must be a number, not {value!r}")
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"RevCol: {name} must be a number, not {value!r}") from None
    if not 0.0 <= number < float("inf"):
        raise ValueError(f"RevCol: {name} must be finite and not negative, not {value!r}")
    return number


def _rate(name: str, value: object) -> float:
    rate = _number(name, value)
    if rate >= 1.0:
        raise ValueError(f"RevCol: {name} must be less than 1, not {value!r}")
    return rate


def _choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"RevCol: {name} must be one of {', '.join(choices)}, not {value!r}")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"RevCol: {name} must be true or false, not {value!r}")
    return value


def _columns(name: str, value: object, count: int) -> tuple[int, ...]:
    chosen = tuple(_integer(f"{name}[{index}]", item, low=1) for index, item in enumerate(_items(name, value)))
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
