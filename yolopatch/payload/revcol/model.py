"""The backbone: a stem and its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .blocks import Block, LayerNorm2d
from .column import Column
from .context import RandomState, is_compiled, is_recorded, may_wait
from .fusion import Down
from .init import initialize
from .reversible import Pass, run_column
from .rows import parse_row
from .rowwise import channels_last
from .settings import Settings
from .supervision import Supervision
from .weights import load_file

# Share of a feature's elements for which a device reserves space where they do not fit into a byte; the last
# one keeps features whole.
ROOMS = (1 / 64, 1 / 16, 1.0)


class RevCol(nn.Module):
    """Reversible column network (arXiv 2212.11696) as a backbone with four levels.

    Args:
        channels: channels of the levels at strides 4, 8, 16 and 32.
        blocks: blocks of each level.
        columns: number of columns, at least 1.
        options: the keyword arguments below, as a YAML row spells them; they win over the keywords.
        in_channels: channels of the input.
        kernel_size: of the depthwise convolutions, odd.
        layer_scale: initial layer scale of a block's branch; 0 leaves the layer scale out.
        drop_path: stochastic depth rate of a column's last block; rates rise linearly from 0.
        fusion: how a level joins its inputs: `sum`, the paper's, `weighted` or `attention`.
        stem: `patch`, the paper's 4x4 convolution of stride 4, or `overlap`, two 3x3 of stride 2.
        init: `paper`, a truncated normal of 0.02, or `kaiming`, for narrow models trained from scratch.
        aux_columns: columns, counted from 1, whose four levels follow in the output.
        deep_up: give level 0 the previous column's level 3 as well, as the official RevCol-H does.
        mode: `exact` keeps one byte for an element of an earlier column in training, `plain` the element; outputs
            and gradients are the same bits. It is an attribute and may be changed between two forwards.
        saves: what a block keeps for its backward: its `input`, the `hidden` input of GELU too, or, by ordinary
            operations, `all`; `auto` is `input` in plain mode and on level 0, `hidden` elsewhere.
        weights: a file to start from, of official weights or what `yolopatch weights convert` made of them.
        supervision: options of intermediate supervision (`SupervisionSettings`); None is without. It is the
            submodule `supervision`, takes part in training alone, and `supervise` puts it into the loss.

    Shape: (N, in_channels, H, W), any floating dtype and memory format, to a list of tensors
    (N, channels[l], ceil(H / 2^(l+2)), ceil(W / 2^(l+2))), l = 0 to 3, of the last column, then of each
    auxiliary column in the order given. They are the raw features, no norm on top, in channels_last memory.

    Raises:
        ValueError: an argument is wrong; the message names it and says what is expected.
    """

    parse_row = staticmethod(parse_row)

    def __init__(
        self,
        channels: Sequence[int],
        blocks: Sequence[int],
        columns: int,
        options: Mapping[str, Any] | None = None,
        *,
        in_channels: int = 3,
        kernel_size: int = 3,
        layer_scale: float = 1e-6,
        drop_path: float = 0.0,
        fusion: str = "sum",
        stem: str = "patch",
        init: str = "paper",
        aux_columns: Sequence[int] = (),
        deep_up: bool = False,
        mode: str = "exact",
        saves: str = "auto",
        weights: str = "",
        supervision: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        keywords: dict[str, Any] = {
            "in_channels": in_channels,
            "kernel_size": kernel_size,
            "layer_scale": layer_scale,
            "drop_path": drop_path,
            "fusion": fusion,
            "stem": stem,
            "init": init,
            "aux_columns": aux_columns,
            "deep_up": deep_up,
            "mode": mode,
            "saves": saves,
            "weights": weights,
            "supervision": supervision,
        }
        self.settings = Settings.of(channels, blocks, columns, {**keywords, **(options or {})})
        self.stem = _stem(self.settings)
        for index in range(self.settings.columns):
            self.add_module(f"subnet{index}", Column(self.settings, first=index == 0))
        self.mode = self.settings.mode
        self._room = 0
        self._records: list[dict[str, int]] = []
        initialize(self, self.settings.init)
        self.supervision: Supervision | None = None
        if self.settings.supervision is not None:
            with torch.random.fork_rng(devices=[]):  # a seed gives the same detector with it and without
                self.supervision = Supervision(self.settings)
        if self.settings.weights:
            load_file(self, self.settings.weights)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, in_channels, H, W) to the levels of the last column, then those of the auxiliary ones."""
        stem = self.stem(x)
        kept = (self.settings.columns, *self.settings.aux_columns)
        replica = getattr(self, "_is_replica", False)  # of DataParallel: its parameters are no parameters
        exact = not is_recorded(x) and self.mode == "exact" and torch.is_grad_enabled() and not replica
        tops = dict.fromkeys(self._supervised(x))
        found = self._exact(channels_last(stem), kept, tops) if exact else self._plain(stem, kept, tops)
        if self.supervision is not None and tops:
            self.supervision(x, [tops[column] for column in tops])
        return [level for column in kept for level in found[column]]

    def _supervised(self, x: Tensor) -> Sequence[int]:
        """The columns whose last level intermediate supervision looks at in this forward."""
        if self.supervision is None or not self.training or not torch.is_grad_enabled():
            return ()
        replica = getattr(self, "_is_replica", False)
        if replica or (is_recorded(x) and not is_compiled()):
            return ()
        self.supervision.pending.take()
        return self.supervision.columns if self.supervision.is_needed() else ()

    def _plain(self, stem: Tensor, kept: Sequence[int], tops: dict[int, Any]) -> dict[int, list[Tensor]]:
        found: dict[int, list[Tensor]] = {}
        features: list[Tensor] | None = None
        for index in range(self.settings.columns):
            features = getattr(self, f"subnet{index}")(stem, features)
            _keep(features, index + 1, kept, found, tops)
        return found

    def _exact(self, stem: Tensor, kept: Sequence[int], tops: dict[int, Any]) -> dict[int, list[Tensor]]:
        state = RandomState(stem)
        found, shared = self._run(stem, kept, tops, None if may_wait(stem) else ROOMS[self._room])
        self._records, enough = shared.report()
        while not enough:  # rare: run again with more space, and keep to it from now on
            self._room += 1
            with state.replayed():
                found, shared = self._run(stem, kept, tops, ROOMS[self._room])
            self._records, enough = shared.report()
        return found

    def _run(
        self, stem: Tensor, kept: Sequence[int], tops: dict[int, Any], room: float | None
    ) -> tuple[dict[int, list[Tensor]], Pass]:
        found: dict[int, list[Tensor]] = {}
        shared = Pass(room)
        features: list[Tensor] | None = None
        for index in range(self.settings.columns):
            column: Column = getattr(self, f"subnet{index}")
            features = run_column(column, index, index + 1 in kept, shared, stem, features, index in kept)
            _keep(features, index + 1, kept, found, tops)
        return found, shared

    def memory_report(self) -> list[dict[str, int]]:
        """What the last forward in the exact mode keeps of earlier columns, for each column and level.

        Returns:
            Rows with `column` (from 1), `level` (from 0), `elements` of the feature, `bytes` of its record, and
            `apart`, the number of elements that one byte could not bring back and that are kept apart.
        """
        return list(self._records)

    def fuse(self) -> RevCol:
        """Fold, in place, what inference does not need apart; the outputs stay the same up to rounding.

        Layer scale and norm go into the Linears of their blocks; alpha becomes the alpha that takes effect;
        intermediate supervision goes.
        """
        self.strip()
        for module in self.modules():
            if isinstance(module, (Block, Column)):
                module.fuse()
        return self

    def strip(self) -> RevCol:
        """Take out, in place, what serves training only; the outputs stay the same."""
        self.supervision = None
        return self

    def extra_repr(self) -> str:
        settings = self.settings
        return f"channels={list(settings.channels)}, blocks={list(settings.blocks)}, columns={settings.columns}"


def _keep(
    features: list[Tensor], column: int, kept: Sequence[int], found: dict[int, list[Tensor]], tops: dict[int, Any]
) -> None:
    if column in kept:
        found[column] = features
    if column in tops:
        tops[column] = features[-1]


def _stem(settings: Settings) -> nn.Sequential:
    width = settings.channels[0]
    if settings.stem == "patch":
        return Down(settings.in_channels, width, 4)
    half = max(width // 2, 1)
    return nn.Sequential(
        nn.Conv2d(settings.in_channels, half, 3, stride=2, padding=1),
        LayerNorm2d(half),
        nn.GELU(),
        nn.Conv2d(half, width, 3, stride=2, padding=1),
        LayerNorm2d(width),
    )
