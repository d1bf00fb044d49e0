"""One column: four levels and the reversible connection to the previous column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .blocks import Block
from .context import is_recorded, is_traced
from .fusion import Fusion
from .record import CHUNK, join
from .rowwise import channels_last, rows_of, spans
from .settings import LEVELS, Settings

ALPHA_INIT = 0.5
ALPHA_MIN = 1e-3
PIECES = (6, 3, 1, 1)  # see Block; what fits the second level cache of a CPU core at 640 and RevCol-S's widths


def away_from_zero(alpha: Tensor) -> Tensor:
    """alpha with its magnitude raised to at least ALPHA_MIN, its sign kept, zero counted as positive.

    The inverse of a column divides by alpha. The parameter itself is never written to, so that a
    forward has no side effect, and what is returned has no graph: `Join` passes the gradient straight
    through, so that an alpha that came too close to zero is not stuck there.
    """
    value = alpha.detach()
    return torch.where(value < 0, value.clamp(max=-ALPHA_MIN), value.clamp(min=ALPHA_MIN))


class Level(nn.Module):
    """Fusion, then blocks: the function that the reversible connection adds to `alpha * p[l]`."""

    def __init__(self, level: int, settings: Settings, first: bool) -> None:
        super().__init__()
        width = settings.channels[level]
        self.fusion = Fusion(level, settings, first)
        self.blocks = nn.Sequential(
            *(
                Block(width, settings.kernel_size, settings.layer_scale, rate, settings.saved(level), PIECES[level])
                for rate in settings.drop_path_rates(level)
            )
        )

    def forward(self, below: Tensor, above: Tensor | None = None, top: Tensor | None = None) -> Tensor:
        """Inputs as in `Fusion.forward`; returns (N, C[l], h, w) in channels_last memory."""
        output: Tensor = self.blocks(self.fusion(_bracket(below), _bracket(above), _bracket(top)))
        return channels_last(output)


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
        """The effective alpha of a level, (1, C[l], 1, 1), its magnitude at least ALPHA_MIN, without a graph."""
        return away_from_zero(getattr(self, f"alpha{level}"))

    @torch.no_grad()
    def fuse(self) -> None:
        """Write the effective alphas into the parameters."""
        for level in range(LEVELS):
            getattr(self, f"alpha{level}").copy_(self.alpha(level))

    def level(self, level: int) -> Level:
        """The function of a level."""
        found: Level = getattr(self, f"level{level}")
        return found

    def forward(self, stem: Tensor, previous: Sequence[Tensor] | None) -> list[Tensor]:
        """The column's four outputs by ordinary autograd.

        Args:
            stem: (N, C[0], ceil(H/4), ceil(W/4)).
            previous: the four outputs of the previous column; None in the first.

        Returns:
            Four tensors, (N, C[l], ceil(H / 2^(l+2)), ceil(W / 2^(l+2))), in channels_last memory.
        """
        before = None if previous is None else [_bracket(p) for p in previous]
        outputs: list[Tensor] = []
        below = stem
        for level in range(LEVELS):
            f = self.level(level)(below, *neighbours(level, before))
            below = self._join(level, f, None if before is None else before[level])
            outputs.append(below)
        return [_bracket(output) for output in outputs]

    def _join(self, level: int, f: Tensor, p: Tensor | None) -> Tensor:
        alpha: Tensor = getattr(self, f"alpha{level}")
        if not is_recorded(f):
            output: Tensor = Join.apply(f, alpha, p)
            return output
        if p is None:
            return f
        effective = away_from_zero(alpha)
        if not is_traced(f) and alpha.requires_grad and torch.is_grad_enabled():
            effective = effective + (alpha - alpha.detach())  # nothing, but the gradient passes
        return torch.addcmul(f, effective, p)


def neighbours(level: int, previous: Sequence[Tensor] | None) -> tuple[Tensor | None, Tensor | None]:
    """What a level sees of the previous column: the coarser level next to it, and the coarsest one."""
    if previous is None:
        return None, None
    return (previous[level + 1] if level + 1 < LEVELS else None), previous[-1]


class Join(torch.autograd.Function):
    """`alpha * p + f`; in the first column, which has no p, f itself.

    There alpha gets a gradient of zero: the official checkpoints hold alphas for the first column, so
    they are parameters here, and one that never gets a gradient makes DistributedDataParallel wait.
    """

    @staticmethod
    def forward(ctx: Any, f: Tensor, alpha: Tensor, p: Tensor | None) -> Tensor:
        ctx.save_for_backward(alpha, p)
        return f.view_as(f) if p is None else join(f, away_from_zero(alpha), p)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        alpha, p = ctx.saved_tensors
        grad = channels_last(grad)
        _, need_alpha, need_p = ctx.needs_input_grad
        return grad, alpha_gradient(grad, alpha, p) if need_alpha else None, p_gradient(grad, alpha) if need_p else None


def alpha_gradient(grad: Tensor, alpha: Tensor, p: Tensor | None) -> Tensor:
    """The gradient of alpha, (1, C, 1, 1), from that of c, (N, C, H, W) in channels_last memory."""
    if p is None:
        return torch.zeros_like(alpha)
    grads, values = rows_of(grad), rows_of(p)
    parts = [(grads[span] * values[span]).sum(0) for span in spans(grads, grads.shape[1], CHUNK)]
    return torch.stack(parts).sum(0).view_as(alpha).to(alpha.dtype)


def p_gradient(grad: Tensor, alpha: Tensor) -> Tensor:
    """The gradient of p through `alpha * p`, (N, C, H, W)."""
    return grad * away_from_zero(alpha)


def _bracket(x: Tensor | None) -> Any:
    """x itself, as a node of its own in the graph.

    Sums of floats depend on how they are grouped. With such a node where a level's and a column's
    inputs and outputs are, ordinary autograd groups a gradient's summands by level and by column, as
    the exact mode does, which has one of them at a time; so the two agree to the last bit.
    """
    return x if x is None or is_recorded(x) else x.view_as(x)
