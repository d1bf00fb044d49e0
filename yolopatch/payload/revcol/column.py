"""One column: four levels and the reversible connection to the previous column."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .blocks import Block
from .fusion import Fusion
from .settings import LEVELS, Settings
from .sizes import is_traced

ALPHA_INIT = 0.5
ALPHA_MIN = 1e-3


def away_from_zero(alpha: Tensor) -> Tensor:
    """alpha with its magnitude raised to at least ALPHA_MIN, its sign kept, zero counted as positive.

    The inverse of a column divides by alpha. The parameter itself is never written to, so that a
    forward has no side effect; the gradient passes straight through, so that an alpha that came too
    close to zero is not stuck there.
    """
    value = alpha.detach()
    value = torch.where(value < 0, value.clamp(max=-ALPHA_MIN), value.clamp(min=ALPHA_MIN))
    if not _records(alpha):
        return value
    return value + (alpha - alpha.detach())  # the difference is exactly zero


def _records(parameter: Tensor) -> bool:
    # A trace is checked by a second one without gradients, and the two must be equal to the last name: ask
    # for the trace first, since asking is recorded too.
    return not is_traced(parameter) and parameter.requires_grad and torch.is_grad_enabled()


class Level(nn.Module):
    """Fusion, then blocks: the function that the reversible connection adds to `alpha * p[l]`."""

    def __init__(self, level: int, settings: Settings, first: bool) -> None:
        super().__init__()
        self.fusion = Fusion(level, settings, first)
        self.blocks = nn.Sequential(
            *(
                Block(settings.channels[level], settings.kernel_size, settings.layer_scale, rate)
                for rate in settings.drop_path_rates(level)
            )
        )

    def forward(self, below: Tensor, above: Tensor | None = None, top: Tensor | None = None) -> Tensor:
        """Inputs as in `Fusion.forward`; returns (N, C[l], h, w)."""
        output: Tensor = self.blocks(self.fusion(below, above, top))
        return output


class Column(nn.Module):
    """A multi-level reversible column (paper section 2.1): `c[l] = alpha[l] * p[l] + Level_l(c[l-1], p[l+1])`.

    Args:
        settings: of the whole model.
        first: whether it is the first column, where every `p` is zero.
    """

    def __init__(self, settings: Settings, first: bool) -> None:
        super().__init__()
        for level in range(LEVELS):
            alpha = torch.full((1, settings.channels[level], 1, 1), ALPHA_INIT)
            self.register_parameter(f"alpha{level}", nn.Parameter(alpha))
            self.add_module(f"level{level}", Level(level, settings, first))

    def alpha(self, level: int) -> Tensor:
        """The effective alpha of a level, (1, C[l], 1, 1), its magnitude at least ALPHA_MIN."""
        return away_from_zero(getattr(self, f"alpha{level}"))

    def forward(self, stem: Tensor, previous: Sequence[Tensor] | None) -> list[Tensor]:
        """The column's four outputs.

        Args:
            stem: (N, C[0], ceil(H/4), ceil(W/4)).
            previous: the four outputs of the previous column; None in the first.

        Returns:
            Four tensors, (N, C[l], ceil(H / 2^(l+2)), ceil(W / 2^(l+2))).
        """
        outputs: list[Tensor] = []
        below = stem
        for level in range(LEVELS):
            below = self._level(level, below, previous)
            outputs.append(below)
        return outputs

    def _level(self, level: int, below: Tensor, previous: Sequence[Tensor] | None) -> Tensor:
        function = getattr(self, f"level{level}")
        if previous is None:
            return self._first(level, function(below))
        above = previous[level + 1] if level + 1 < LEVELS else None
        return torch.addcmul(function(below, above, previous[-1]), self.alpha(level), previous[level])

    def _first(self, level: int, output: Tensor) -> Tensor:
        """Add `alpha * 0`: nothing, but alpha takes part.

        The official checkpoints hold alphas for the first column, so they are parameters here and
        count as such. A parameter that never gets a gradient makes DistributedDataParallel wait for
        it; this one gets a gradient of zero. Without a graph the addition is left out.
        """
        alpha: Tensor = getattr(self, f"alpha{level}")
        if not _records(alpha):
            return output
        return output + (alpha * torch.zeros_like(alpha)).to(output.dtype)
