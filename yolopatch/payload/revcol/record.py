"""What brings an earlier feature back bit for bit: one byte an element.

A column computes `c = alpha * p + f`. Its inverse, `q = (c - f) / alpha`, misses p by rounding. The
distance of the two bit patterns, read as integers, is a count of ulps, and a small one: it fits a
byte nearly always. The few that do not fit are kept apart, as index and value. Then
`bits(p) = bits(q) + ulps`, whatever the rounding was, as long as f is the same f again; the sum of
p's bit patterns tells whether it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .rowwise import from_rows, rows_of, spans

BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
CHUNK = (2 << 10, 1 << 16)  # kilobytes, on the CPU and elsewhere
DENSE = 1 / 8  # above this share of elements that do not fit, all values of a chunk are the smaller record


@dataclass
class Record:
    """How to get p, (N, C, H, W), back from c and f.

    Attributes:
        ulps: (N * H * W, C) int8, what to add to the bit patterns of the inverse.
        checksum: int64 scalar, the sum of p's bit patterns.
        index: for each chunk the flat positions of what does not fit, int32; empty where `value` is the whole chunk.
        value: for each chunk the values there, of p's dtype.
        count: for each chunk how many do not fit, int32 scalars.
    """

    ulps: Tensor
    checksum: Tensor
    index: list[Tensor] = field(default_factory=list)
    value: list[Tensor] = field(default_factory=list)
    count: list[Tensor] = field(default_factory=list)

    def tensors(self) -> list[Tensor]:
        """What the backward needs, for autograd to keep; `of` reads it."""
        return [self.ulps, self.checksum, *self.index, *self.value]

    @classmethod
    def of(cls, tensors: Sequence[Tensor]) -> Record:
        """The record whose `tensors` these are."""
        chunks = (len(tensors) - 2) // 2
        return cls(tensors[0], tensors[1], list(tensors[2 : 2 + chunks]), list(tensors[2 + chunks :]))


def join(f: Tensor, alpha: Tensor, p: Tensor) -> Tensor:
    """`alpha * p + f`, in channels_last memory.

    Args:
        f, p: (N, C, H, W) in channels_last memory.
        alpha: (1, C, 1, 1), nowhere zero.
    """
    return _join(f, alpha, p, None, None)


def join_and_record(f: Tensor, alpha: Tensor, p: Tensor, room: float | None) -> tuple[Tensor, Record]:
    """`join`, bit for bit, and what brings p back.

    `room` is the share of elements for which space is reserved where they do not fit, so that nothing
    waits for the device to count them; None counts them.
    """
    ulps = torch.empty(rows_of(p).shape, dtype=torch.int8, device=p.device)
    record = Record(ulps, torch.zeros((), dtype=torch.int64, device=p.device))
    return _join(f, alpha, p, record, room), record


def restore(record: Record, c: Tensor, f: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Get p back, (N, C, H, W) of the dtype it had; returns it and whether it is wrong, a bool scalar."""
    c_rows, f_rows, weight, dtype = rows_of(c), rows_of(f), alpha.flatten(), record.value[0].dtype
    p_rows = torch.empty(c_rows.shape, dtype=dtype, device=c.device)
    checksum = torch.zeros_like(record.checksum)
    for number, span in enumerate(_chunks(c_rows)):
        p = p_rows[span]
        torch.add(_bits(_inverse(c_rows[span], f_rows[span], weight, dtype)), record.ulps[span], out=_bits(p))
        index, value = record.index[number], record.value[number]
        if len(index):
            p.view(-1)[index.long()] = value
        elif len(value):
            p.copy_(value.view_as(p))
        checksum += _checksum(p)
    return from_rows(p_rows, c), checksum != record.checksum


def same_bits(a: Tensor, b: Tensor) -> Tensor:
    """Whether two features are equal to the last bit, NaN included; a bool scalar."""
    return (_bits(rows_of(a)) == _bits(rows_of(b))).all()


def _join(f: Tensor, alpha: Tensor, p: Tensor, record: Record | None, room: float | None) -> Tensor:
    f_rows, p_rows, weight = rows_of(f), rows_of(p), alpha.flatten()
    c_rows = torch.empty_like(f_rows, dtype=torch.promote_types(torch.promote_types(f.dtype, alpha.dtype), p.dtype))
    for span in _chunks(c_rows):
        c = c_rows[span]
        torch.addcmul(f_rows[span], weight, p_rows[span], out=c)
        if record is not None:
            _write(record, span, p_rows[span], _inverse(c, f_rows[span], weight, p.dtype), room)
    return from_rows(c_rows, f)


def _write(record: Record, span: slice, p: Tensor, q: Tensor, room: float | None) -> None:
    distance = _bits(p) - _bits(q)
    record.ulps[span].copy_(distance)
    wrong = distance.add_(128).bitwise_and_(-256).ne(0).view(-1)  # outside of -128 to 127
    index, count = _find(wrong, room)
    whole = len(index) == len(wrong)
    record.index.append(index[:0] if whole else index)
    record.value.append(p.reshape(-1).clone() if whole else p.reshape(-1)[index.long()])
    record.count.append(count)
    record.checksum += _checksum(p)


def _find(wrong: Tensor, room: float | None) -> tuple[Tensor, Tensor]:
    """The positions where a flat mask is true, int32, and how many there are, int32.

    With a room there are as many positions as it has space for, the rest of them 0: an element that
    is kept apart needlessly does no harm. All positions are returned where that is cheaper.
    """
    size, device = len(wrong), wrong.device
    if room is None:
        index = wrong.nonzero().view(-1).int()
        count = torch.tensor(len(index), dtype=torch.int32)
        return (index if len(index) <= DENSE * size else torch.arange(size, dtype=torch.int32)), count
    space = min(int(room * size) + 1, size)
    if space > DENSE * size:
        return torch.arange(size, dtype=torch.int32, device=device), torch.zeros((), dtype=torch.int32, device=device)
    rank = wrong.cumsum(0, dtype=torch.int32)
    slot = torch.where(wrong & (rank <= space), rank - 1, space).long()
    index = torch.zeros(space + 1, dtype=torch.int32, device=device)
    index.scatter_(0, slot, torch.arange(size, dtype=torch.int32, device=device))
    return index[:space], rank[-1]


def _inverse(c: Tensor, f: Tensor, alpha: Tensor, dtype: torch.dtype) -> Tensor:
    return ((c - f) * alpha.reciprocal()).to(dtype)


def _bits(x: Tensor) -> Tensor:
    return x.view(BITS[x.element_size()])


def _checksum(x: Tensor) -> Tensor:
    flat = x.reshape(-1)
    even = flat.numel() * flat.element_size() % 8 == 0
    return (flat.view(torch.int64) if even else _bits(flat)).sum(dtype=torch.int64)


def _chunks(rows: Tensor) -> Iterator[slice]:
    return spans(rows, rows.shape[1], CHUNK)
