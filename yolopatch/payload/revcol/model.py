"""The backbone: a stem and its columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from .blocks import LayerNorm2d
from .column import Column
from .fusion import Down
from .init import initialize
from .rows import parse_row
from .settings import Settings


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
        fusion: how a level joins its inputs; `sum` is the paper's.
        stem: `patch`, the paper's 4x4 convolution of stride 4, or `overlap`, two 3x3 of stride 2,
            which serve small objects better.
        init: `paper`, a truncated normal of 0.02, or `kaiming`, for narrow models trained from scratch.
        aux_columns: columns, counted from 1, whose four levels follow in the output.
        deep_up: give level 0 the previous column's level 3 as well, as the official RevCol-H does.

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
        }
        self.settings = Settings.of(channels, blocks, columns, {**keywords, **(options or {})})
        self.stem = _stem(self.settings)
        for index in range(self.settings.columns):
            self.add_module(f"subnet{index}", Column(self.settings, first=index == 0))
        initialize(self, self.settings.init)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, in_channels, H, W) to the levels of the last column, then those of the auxiliary ones."""
        stem = self.stem(x)
        features: list[Tensor] | None = None
        kept: dict[int, list[Tensor]] = {}
        for index in range(self.settings.columns):
            features = getattr(self, f"subnet{index}")(stem, features)
            if index + 1 in self.settings.aux_columns:
                kept[index + 1] = features
        assert features is not None  # there is at least one column
        outputs = list(features)
        for column in self.settings.aux_columns:
            outputs.extend(kept[column])
        return outputs

    def extra_repr(self) -> str:
        settings = self.settings
        return f"channels={list(settings.channels)}, blocks={list(settings.blocks)}, columns={settings.columns}"


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
