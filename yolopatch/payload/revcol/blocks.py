"""The parts that a level is made of: the norm over channels, stochastic depth, the ConvNeXt block.

Features are (N, C, H, W) tensors in channels_last memory: their permutation to (N, H, W, C) is a
view, so the norms and the Linears run on them without a copy.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

EPS = 1e-6


class LayerNorm2d(nn.LayerNorm):
    """LayerNorm over the channels of an (N, C, H, W) tensor of a floating dtype; shape and dtype are kept.

    It is an `nn.LayerNorm`, so that the training scripts' optimizers put its weight where the norms
    are: into the group without weight decay. The result lies in channels_last memory whatever the
    input's layout was.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPS)

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class DropPath(nn.Module):
    """Stochastic depth: in training, drop whole samples of a residual branch with probability `rate`.

    What is kept is scaled by 1 / (1 - rate), so that the expectation is the branch itself. In eval
    the input is returned as it is. Any floating dtype, the first dimension counts the samples.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0.0:
            return x
        keep = 1.0 - self.rate
        mask = x.new_empty((x.shape[0],) + (1,) * (x.ndim - 1)).bernoulli_(keep).div_(keep)
        return x * mask

    def extra_repr(self) -> str:
        return f"rate={self.rate:.3f}"


class Block(nn.Module):
    """A ConvNeXt block (paper section 2.2.2): depthwise conv, norm, Linear to 4C, GELU, Linear, residual.

    Args:
        channels: C.
        kernel_size: of the depthwise convolution, odd.
        layer_scale: initial value of gamma, which scales the branch; 0 leaves gamma out.
        drop_path: stochastic depth rate.

    Shape: (N, C, H, W) to (N, C, H, W), any floating dtype; channels_last in, channels_last out.
    """

    gamma: Tensor | None

    def __init__(self, channels: int, kernel_size: int, layer_scale: float, drop_path: float) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.pwconv1 = nn.Linear(channels, 4 * channels)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), layer_scale)) if layer_scale > 0 else None
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.dwconv(x).permute(0, 2, 3, 1)  # (N, H, W, C), a view of channels_last memory
        branch = self.pwconv2(self.act(self.pwconv1(self.norm(branch))))
        if self.gamma is not None:
            branch = branch * self.gamma
        kept: Tensor = self.drop_path(branch.permute(0, 3, 1, 2))
        return x + kept
