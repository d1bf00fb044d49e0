"""The parts that a level is made of: the norm over channels, stochastic depth, the ConvNeXt block.

Features are (N, C, H, W) tensors in channels_last memory: their permutation to (N, H, W, C) is a
view, so the norms and the Linears run on them without a copy.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .context import is_compiled, is_recorded
from .fused import Weights, fused_block

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

    What is kept is scaled by 1 / (1 - rate), so that the expectation is the branch itself.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor | None:
        """Draw the factors of x's samples, (N,) of x's dtype; None where nothing is dropped."""
        if not self.training or self.rate == 0.0:
            return None
        keep = 1.0 - self.rate
        return x.new_empty(x.shape[0]).bernoulli_(keep).div_(keep)

    def extra_repr(self) -> str:
        return f"rate={self.rate:.3f}"


class Block(nn.Module):
    """A ConvNeXt block (paper section 2.2.2): depthwise conv, norm, Linear to 4C, GELU, Linear, residual.

    It runs as one function that keeps little (see fused.py); as ordinary operations where something
    looks at them: a trace, a compiler, a hook on one of its parts, a part that was replaced.

    Args:
        channels: C.
        kernel_size: of the depthwise convolution, odd.
        layer_scale: initial value of gamma, which scales the branch; 0 leaves gamma out.
        drop_path: stochastic depth rate.
        saves: what is kept for the backward: `input`, `hidden` (the input of GELU too) or `all`
            (ordinary operations).
        pieces: into how many pieces compiled code cuts the wide middle, so that it stays in the cache.
        expansion: how many times as wide the middle is.

    Shape: (N, C, H, W) to (N, C, H, W), any floating dtype; channels_last in, channels_last out.
    """

    gamma: Tensor | None

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        layer_scale: float,
        drop_path: float,
        saves: str,
        pieces: int = 1,
        expansion: int = 4,
    ) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.pwconv1 = nn.Linear(channels, expansion * channels)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(expansion * channels, channels)
        self.gamma = nn.Parameter(torch.full((channels,), layer_scale)) if layer_scale > 0 else None
        self.drop_path = DropPath(drop_path)
        self.saves, self.pieces = saves, pieces

    def forward(self, x: Tensor) -> Tensor:
        keep: Tensor | None = self.drop_path(x)
        folded = self.norm.weight is None and torch.is_grad_enabled()
        # A trace is checked by a second one without gradients, and asking is recorded too: so ask first.
        if is_recorded(x) or self.saves == "all" or folded or not self._is_untouched():
            return self._ordinary(x, keep)
        bias: Any = self.dwconv.bias
        weights = Weights(
            self.dwconv.weight, bias, self.norm.weight, self.norm.bias,
            self.pwconv1.weight, self.pwconv1.bias, self.pwconv2.weight, self.pwconv2.bias, self.gamma,
        )  # fmt: skip
        return fused_block(x, keep, self.norm.eps, self.saves == "hidden" and torch.is_grad_enabled(), weights)

    @torch.no_grad()
    def fuse(self) -> None:
        """Fold the norm's weight and bias into the first Linear, the layer scale into the second."""
        first, second = self.pwconv1, self.pwconv2
        if self.norm.weight is not None:
            first.bias.add_(first.weight @ self.norm.bias)
            first.weight.mul_(self.norm.weight)
            self.norm = nn.LayerNorm(self.norm.normalized_shape, self.norm.eps, elementwise_affine=False)
        if self.gamma is not None:
            second.weight.mul_(self.gamma.unsqueeze(1))
            second.bias.mul_(self.gamma)
            self.gamma = None

    def _ordinary(self, x: Tensor, keep: Tensor | None) -> Tensor:
        branch = self.dwconv(x).permute(0, 2, 3, 1)  # (N, H, W, C), a view of channels_last memory
        if is_compiled() and not torch.is_grad_enabled():
            pieces = branch.reshape(-1, branch.shape[-1]).chunk(self.pieces)
            branch = torch.cat([self._middle(piece) for piece in pieces]).view(branch.shape)
        else:
            branch = self._middle(branch)
        if self.gamma is not None:
            branch = branch * self.gamma
        if keep is not None:
            branch = branch * keep.view(-1, 1, 1, 1)
        output: Tensor = x + branch.permute(0, 3, 1, 2)
        return output

    def _middle(self, x: Tensor) -> Tensor:
        output: Tensor = self.pwconv2(self.act(self.pwconv1(self.norm(x))))
        return output

    def _is_untouched(self) -> bool:
        kinds = (nn.Conv2d, nn.LayerNorm, nn.Linear, nn.GELU, nn.Linear)
        parts = (self.dwconv, self.norm, self.pwconv1, self.act, self.pwconv2)
        hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
        same = all(type(part) is kind for part, kind in zip(parts, kinds, strict=True))
        return (
            same and self.act.approximate == "none" and not any(getattr(part, name) for part in parts for name in hooks)
        )
