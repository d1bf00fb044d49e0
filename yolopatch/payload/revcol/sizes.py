"""Sizes that are no multiple of 32, and sizes in a trace.

A level of an odd size is followed by one of half of it, rounded up. On the way down the input gets
zeros on its right and bottom; on the way up the result is cropped. Zeros, because the depthwise
convolutions have them at the border too, every exporter knows a constant pad, and its backward is
deterministic on every device, which replication's is not.
"""

from __future__ import annotations

import warnings

from torch import Tensor
from torch.nn import functional

from .context import is_traced


def size_of(x: Tensor) -> tuple[int, int]:
    """Height and width of an (N, C, H, W) tensor as plain numbers, in a trace too.

    A trace is of one size in any case (the upstream exporters fix it); a trace of a multiple of 32
    serves the other multiples as well, since then nothing of the size gets into the graph.
    """
    if not is_traced(x):
        return x.shape[2], x.shape[3]
    with warnings.catch_warnings():  # torch warns that the number becomes a constant, which is meant
        warnings.simplefilter("ignore")
        return int(x.shape[2]), int(x.shape[3])


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Zeros on the right and the bottom of an (N, C, H, W) tensor up to a multiple of its size."""
    height, width = size_of(x)
    if height % multiple == 0 and width % multiple == 0:
        return x
    return functional.pad(x, (0, -width % multiple, 0, -height % multiple))


def crop_like(x: Tensor, like: Tensor) -> Tensor:
    """The upper left part of an (N, C, H, W) tensor that has another one's height and width."""
    height, width = size_of(like)
    if size_of(x) == (height, width):
        return x
    return x[:, :, :height, :width]
