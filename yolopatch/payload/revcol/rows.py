"""What a model YAML's rows need: the channel bookkeeping of RevCol's row, and a module that picks a level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from .settings import Settings


def parse_row(args: Sequence[Any], in_channels: int, classes: int | None = None) -> tuple[list[Any], list[int]]:
    """Read the arguments of a RevCol row, `[channels, blocks, columns]` or with `{options}` as a fourth.

    Args:
        args: the row's arguments; neither the list nor what is in it is changed.
        in_channels: channels of what the row is fed with.
        classes: number of classes of the detector, for intermediate supervision.

    Returns:
        The arguments to build RevCol with, `in_channels` and the classes of `supervision` among the options,
        and the channels of each tensor that it returns: four levels, then four of every auxiliary column.

    Raises:
        ValueError: the row is wrong; the message names the argument and says what is expected.
    """
    if not 3 <= len(args) <= 4:
        raise ValueError(
            f"RevCol's row needs [channels, blocks, columns] or [channels, blocks, columns, {{options}}], "
            f"not {len(args)} arguments"
        )
    channels, blocks, columns = args[:3]
    given = args[3] if len(args) == 4 else None
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(f"RevCol's fourth argument must be a mapping of options, not {given!r}")
    options = dict(given or {})
    if options.setdefault("in_channels", in_channels) != in_channels:
        raise ValueError(
            f"RevCol's row says in_channels {options['in_channels']}, but it is fed {in_channels} channels"
        )
    if options.get("supervision") not in (None, False) and classes is not None:
        options["supervision"] = _with_classes(options["supervision"], classes)
    settings = Settings.of(channels, blocks, columns, options)
    options["aux_columns"] = list(settings.aux_columns)
    return [list(settings.channels), list(settings.blocks), settings.columns, options], settings.output_channels


def _with_classes(supervision: Any, classes: int) -> Any:
    if supervision is True:
        return {"classes": classes}
    if not isinstance(supervision, Mapping):
        return supervision
    if supervision.get("classes", classes) != classes:
        raise ValueError(
            f"RevCol's row says supervision of {supervision['classes']} classes, but the model has {classes}; "
            "leave `classes` out, it follows the model"
        )
    return {**supervision, "classes": classes}


class PickLevel(nn.Module):
    """One tensor out of the list that RevCol returns.

    Args:
        index: 0 to 3 for the levels of the last column at strides 4, 8, 16 and 32; from 4 on the
            levels of the auxiliary columns.

    Raises:
        ValueError: the index is no whole number from 0 on, or (in forward) the list is too short.
    """

    def __init__(self, index: int) -> None:
        super().__init__()
        if isinstance(index, bool) or not isinstance(index, int) or index < 0:
            raise ValueError(f"PickLevel needs the index of a level, 0 or more, not {index!r}")
        self.index = index

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """Return `levels[index]` as it is."""
        if self.index >= len(levels):
            raise ValueError(f"PickLevel {self.index}: there are only {len(levels)} levels, 0 to {len(levels) - 1}")
        return levels[self.index]

    def extra_repr(self) -> str:
        return f"index={self.index}"
