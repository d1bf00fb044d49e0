"""A ConvNeXt block as one autograd function that keeps nothing but its input.

The middle of a block is four times as wide as its ends. Here it never exists whole: the norm, both
Linears and GELU run on a chunk of pixels at a time, forward and backward, so that a chunk stays in
the processor's cache. The backward runs the depthwise convolution, the norm and the first Linear
again, but not the second: with G the gradient of its weight before the layer scale, that of the
layer scale is `(W2 * G).sum(1) + b2 * gy.sum(0)`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .context import autocast, autocast_dtype
from .rowwise import channels_last, from_rows, rows_of, spans

CHUNK = (4 << 10, 128 << 10)  # kilobytes of the widest tensor, on the CPU and elsewhere
LEAST_ROWS = 2048  # below it the sums over chunks cost more than the cache gives
aten = torch.ops.aten


class Weights(NamedTuple):
    """The parameters of a block with C channels, of any floating dtype; the norm's and gamma may be folded away."""

    conv: Tensor  # (C, 1, k, k)
    conv_bias: Tensor  # (C,)
    norm: Tensor | None  # (C,)
    norm_bias: Tensor | None  # (C,)
    linear1: Tensor  # (4C, C)
    bias1: Tensor  # (4C,)
    linear2: Tensor  # (C, 4C)
    bias2: Tensor  # (C,)
    gamma: Tensor | None  # (C,)

    def to(self, dtype: torch.dtype) -> Weights:
        return Weights(*(None if tensor is None else tensor.to(dtype) for tensor in self))  # type: ignore[arg-type]


def fused_block(x: Tensor, keep: Tensor | None, eps: float, stored: bool, weights: Weights) -> Tensor:
    """`x + keep * gamma * Linear2(GELU(Linear1(norm(conv(x)))))`.

    Args:
        x: (N, C, H, W), any floating dtype.
        keep: (N,) factors of stochastic depth; None keeps every sample as it is.
        eps: of the norm.
        stored: let the backward have the 4C wide input of GELU too: more memory, one Linear less.
        weights: of the block; to have gradients, with a norm.

    Returns:
        (N, C, H, W) of x's dtype in channels_last memory.
    """
    output: Tensor = _FusedBlock.apply(x, keep, eps, stored, *weights)
    return output


class _FusedBlock(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, keep: Tensor | None, eps: float, stored: bool, *given: Any) -> Tensor:
        ctx.eps, ctx.dtype = eps, autocast_dtype(x.device.type) or x.dtype
        x, weights = channels_last(x), Weights(*given).to(ctx.dtype)
        rows = x.numel() // x.shape[1]
        hidden = x.new_empty((rows, weights.linear1.shape[0]), dtype=ctx.dtype) if stored else None
        with autocast(x.device.type, None):
            output = _forward(x, keep, eps, weights, hidden)
        ctx.save_for_backward(x, keep, hidden, *given)
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, keep, hidden, *given = ctx.saved_tensors
        needs_x, _, _, _, *needs = ctx.needs_input_grad
        with autocast(x.device.type, None):
            inner, *sums = _backward(
                rows_of(channels_last(grad)), x, keep, hidden, ctx.eps, Weights(*given).to(ctx.dtype)
            )
            grad_x, *outer = _convolution_backward(inner, x, given[0].to(ctx.dtype), [needs_x, *needs[:2]])
        found = [*outer, *sums, None][: len(given)]
        grads = [value.to(p.dtype) if need else None for value, p, need in zip(found, given, needs, strict=True)]
        return (grad_x.add_(grad) if needs_x else None), None, None, None, *grads


def _forward(x: Tensor, keep: Tensor | None, eps: float, w: Weights, hidden: Tensor | None) -> Tensor:
    convolved, shortcut, factors = _convolve(x, w), rows_of(x), _keep_rows(keep, x)
    # A chunk's result takes the place of what it was computed from: fresh memory costs page faults.
    output = convolved if convolved.dtype == x.dtype else torch.empty_like(shortcut)
    for span in spans(shortcut, w.linear1.shape[0], CHUNK, LEAST_ROWS):
        normed = functional.layer_norm(convolved[span], (x.shape[1],), w.norm, w.norm_bias, eps)
        if hidden is None:
            middle = aten.gelu_(torch.addmm(w.bias1, normed, w.linear1.t()))
        else:
            middle = functional.gelu(torch.addmm(w.bias1, normed, w.linear1.t(), out=hidden[span]))
        branch = torch.addmm(w.bias2, middle, w.linear2.t())
        if factors is not None:
            branch *= factors[span]
        if w.gamma is None:
            torch.add(shortcut[span], branch, out=output[span])
        else:
            torch.addcmul(shortcut[span], branch, w.gamma, out=output[span])
    return from_rows(output, x)


def _backward(
    grad: Tensor, x: Tensor, keep: Tensor | None, hidden: Tensor | None, eps: float, w: Weights
) -> list[Tensor]:
    """Gradients of the convolution's output, (N * H * W, C), then of the norm, the Linears and gamma."""
    convolved, factors = _convolve(x, w), _keep_rows(keep, x)
    sums: list[Tensor] = []
    for span in spans(grad, w.linear1.shape[0], CHUNK, LEAST_ROWS):
        part = grad[span] if factors is None else grad[span] * factors[span]
        middle = None if hidden is None else hidden[span]
        convolved[span], *parts = _chunk_backward(part.to(convolved.dtype), convolved[span], middle, eps, w)
        sums = [total.add_(part) for total, part in zip(sums, parts, strict=True)] if sums else parts
    if w.gamma is None:
        return [convolved, *sums]
    *others, linear2, bias2 = sums
    grad_gamma = torch.einsum("ij,ij->i", w.linear2.to(linear2.dtype), linear2) + w.bias2 * bias2
    return [convolved, *others, linear2.mul_(w.gamma.unsqueeze(1)), bias2.mul_(w.gamma), grad_gamma]


def _chunk_backward(grad: Tensor, convolved: Tensor, middle: Tensor | None, eps: float, w: Weights) -> list[Tensor]:
    shape = [grad.shape[1]]
    normed, mean, rstd = torch.native_layer_norm(convolved, shape, w.norm, w.norm_bias, eps)
    if middle is None:
        middle = torch.addmm(w.bias1, normed, w.linear1.t())
    linear2, bias2 = grad.t() @ functional.gelu(middle), grad.sum(0)
    branch = grad if w.gamma is None else grad * w.gamma
    grad_middle = aten.gelu_backward(branch @ w.linear2, middle)
    linear1, bias1 = grad_middle.t() @ normed, grad_middle.sum(0)
    inner, norm, norm_bias = aten.native_layer_norm_backward(
        grad_middle @ w.linear1, convolved, shape, mean, rstd, w.norm, w.norm_bias, [True, True, True]
    )
    # Chunks of half precision add up in single precision, as the kernels do within a chunk.
    half = grad.element_size() == 2
    parts = (norm, norm_bias, linear1, bias1, linear2, bias2)
    return [inner, *(part.float() if half else part for part in parts)]


def _convolve(x: Tensor, w: Weights) -> Tensor:
    """Rows (N * H * W, C) of the depthwise convolution's output, of the weights' dtype."""
    padding = w.conv.shape[-1] // 2
    output = functional.conv2d(x.to(w.conv.dtype), w.conv, w.conv_bias, padding=padding, groups=x.shape[1])
    return rows_of(channels_last(output))


def _convolution_backward(grad: Tensor, x: Tensor, weight: Tensor, needs: list[bool]) -> tuple[Any, ...]:
    channels, padding, ones = x.shape[1], [weight.shape[-1] // 2] * 2, [1, 1]
    grad_x, grad_weight, grad_bias = aten.convolution_backward(
        from_rows(grad, x), x.to(weight.dtype), weight, [channels], ones, padding, ones, False, [0, 0], channels, needs
    )
    # A kernel of channels_last memory leaves strides that DistributedDataParallel would copy around.
    plain = None if grad_weight is None else grad_weight.reshape(-1).view(weight.shape)
    return grad_x, plain, grad_bias


def _keep_rows(keep: Tensor | None, x: Tensor) -> Tensor | None:
    """The factor of every row, (N * H * W, 1)."""
    return None if keep is None else keep.repeat_interleave(x.shape[2] * x.shape[3]).unsqueeze(1)
