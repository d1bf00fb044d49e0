"""Features as rows of pixels, and chunks of rows that stay in the cache.

A feature is (N, C, H, W) in channels_last memory; its rows are the same memory as (N * H * W, C).
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def channels_last(x: Tensor) -> Tensor:
    """x, (N, C, H, W), in channels_last memory: itself where it is so already."""
    return x.contiguous(memory_format=torch.channels_last)


def rows_of(x: Tensor) -> Tensor:
    """(N, C, H, W) in channels_last memory as a view of shape (N * H * W, C)."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def from_rows(rows: Tensor, like: Tensor) -> Tensor:
    """The inverse of `rows_of`: rows (N * H * W, C) as (N, C, H, W), with the sizes of `like`."""
    count, channels, height, width = like.shape
    return rows.view(count, height, width, channels).permute(0, 3, 1, 2)


def spans(rows: Tensor, width: int, kilobytes: tuple[int, int], least: int = 1) -> Iterator[slice]:
    """Cut rows into chunks.

    Args:
        rows: what is cut, (M, C).
        width: elements that a row has in the widest tensor of the computation.
        kilobytes: what a chunk of that tensor may take on the CPU, and on another device, where few
            and large kernels are better.
        least: rows of a chunk, whatever they take.
    """
    size = kilobytes[rows.device.type != "cpu"] << 10
    step = max(size // (width * rows.element_size()), least)
    for start in range(0, len(rows), step):
        yield slice(start, min(start + step, len(rows)))
