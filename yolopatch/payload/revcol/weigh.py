"""How much each of a level's two inputs counts in their sum: a weight w for one, 2 - w for the other.

w starts as exactly 1, so that a model begins as the paper's sum, bit for bit. It is computed from the
level's inputs and parameters alone: nothing that the inverse of a column would not have.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .sizes import crop_like, pad_to_multiple


class Weighted(nn.Module):
    """One weight per channel: w = 2 * sigmoid(z), which is 2 * softmax([a, b]) with z = a - b.

    The name and the one dimension are for the training scripts' optimizers: those that know `logit_scale`
    keep it from weight decay (elsewhere it decays towards the sum), a `bias` would get the warm-up's own,
    ten times higher learning rate, and Muon, which is made for matrices, takes whatever has two or four
    dimensions.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.logit_scale = nn.Parameter(torch.zeros(channels))

    def forward(self, down: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and outputs as in `Attention.forward`."""
        weight = (2 * torch.sigmoid(self.logit_scale)).to(down.dtype)[:, None, None]
        return down * weight, up * (2 - weight)


class Attention(nn.Module):
    """A weight per channel and coarse pixel, seen from both resolutions and from the whole image.

    w = 2 * sigmoid(out(GELU(local(s) + context(mean(s))))), where s are the channels of both inputs at the
    coarse size. Everything but two operations, the pooling and the product, runs at that size: a quarter
    of the pixels. The inputs come out of norms, so that s needs none.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = max(channels // 4, 8)
        self.local = nn.Linear(2 * channels, hidden)
        self.context = nn.Linear(2 * channels, hidden, bias=False)
        self.act = nn.GELU()
        self.out = nn.Linear(hidden, channels)
        self.start_as_sum()

    def start_as_sum(self) -> None:
        """Make w exactly 1 for every input; `initialize`, which fills every Linear, calls this in the end."""
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, down: Tensor, up: Tensor) -> tuple[Tensor, Tensor]:
        """Weigh two inputs.

        Args:
            down: (N, C, h, w), any floating dtype.
            up: (N, C, ceil(h/2), ceil(w/2)), not yet enlarged.

        Returns:
            down * w and up * (2 - w), in the shapes of down and up.
        """
        pooled = functional.avg_pool2d(pad_to_multiple(down, 2), 2)
        both = torch.cat((pooled.permute(0, 2, 3, 1), up.permute(0, 2, 3, 1)), -1)
        seen = self.local(both) + self.context(both.mean((1, 2), keepdim=True))
        weight = 2 * torch.sigmoid(self.out(self.act(seen)).permute(0, 3, 1, 2))
        fine = functional.interpolate(weight, scale_factor=2.0, mode="nearest")
        return down * crop_like(fine, down), up * (2 - weight)


def weigh_for(fusion: str, channels: int) -> Weighted | Attention | None:
    """The module for a `Settings.fusion`, checked there; None for the plain sum."""
    kinds: dict[str, type[Weighted] | type[Attention]] = {"weighted": Weighted, "attention": Attention}
    return None if fusion == "sum" else kinds[fusion](channels)
