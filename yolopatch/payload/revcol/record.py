"""What brings an earlier feature back bit for bit: one byte an element.

A column computes `c = alpha * p + f`. Its inverse, `q = (c - f) / alpha`, misses p by rounding. The
distance of the two bit patterns, read as integers, is a count of ulps, and a small one: it fits a
byte nearly always. The few that do not fit are kept apart, whole, with an index or, where nothing may
wait for the device, at a mark in the byte. Then `bits(p) = bits(q) + ulps`, whatever the rounding was,
as long as f is the same f again; the sum of p's bit patterns tells whether it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .rowwise import from_rows, rows_of, spans

BITS = {2: torch.int16, 4: torch.int32, 8: torch.int64}
CHUNK = (2 << 10, 1 << 16)  # kilobytes, on the CPU and elsewhere
MARK = -128
DENSE = 1 / 8  # above this share of elements that do not fit, all values of a chunk are the smaller record


@dataclass
class Record:
    """How to get p, (N, C, H, W), back from c and f.

    Attributes:
        ulps: (N * H * W, C) int8, what to add to the bit patterns of the inverse; MARK where there is no index
            and the value is the next of `value`.
        checksum: int64 scalar, the sum of p's bit patterns.
        index: for each chunk the flat positions of what does not fit, int32; empty where they are marked, and
            where `value` is the whole chunk.
        value: for each chunk the values there, of p's dtype, and whatever fills the space reserved for them.
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
        if len(value) == p.numel():
            p.copy_(value.view_as(p))
        elif len(index):
            p.view(-1)[index.long()] = value
        elif len(value):
            _put_marked(p.view(-1), record.ulps[span].view(-1), value)
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
    ulps, flat = record.ulps[span].view(-1), p.reshape(-1)
    index, value, count = _keep_indexed(wrong, flat) if room is None else _keep_marked(wrong, flat, ulps, room)
    record.index.append(index)
    record.value.append(value)
    record.count.append(count)
    record.checksum += _checksum(p)


def _keep_indexed(wrong: Tensor, p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Index, value and count of what does not fit; no index and all values where that is cheaper."""
    index = wrong.nonzero().view(-1).int()
    count = torch.tensor(len(index), dtype=torch.int32)
    if len(index) > DENSE * len(wrong):
        return index[:0], p.clone(), count
    return index, p[index.long()], count


def _keep_marked(wrong: Tensor, p: Tensor, ulps: Tensor, room: float) -> tuple[Tensor, Tensor, Tensor]:
    """No index, and value and count of what does not fit, marked in `ulps`; nothing waits for the device.

    Nothing here scatters: where torch.use_deterministic_algorithms is on, as in YOLO v5, v8 and v9, CUDA handles
    equal indices one after the other, which took seconds.
    """
    size, none = len(wrong), torch.empty(0, dtype=torch.int32, device=wrong.device)
    space = min(int(room * size) + 1, size)
    if space > DENSE * size:
        return none, p.clone(), torch.zeros((), dtype=torch.int32, device=wrong.device)
    apart = wrong | (ulps == MARK)
    ulps.masked_fill_(apart, MARK)
    rank = apart.cumsum(0, dtype=torch.int32)
    numbers = torch.arange(1, space + 1, dtype=torch.int32, device=wrong.device)
    index = torch.searchsorted(rank, numbers, out_int32=True) % size  # numbers that no element has: the first one
    return none, p.index_select(0, index), rank[-1]


def _put_marked(p: Tensor, ulps: Tensor, value: Tensor) -> None:
    apart = ulps == MARK
    number = apart.cumsum(0, dtype=torch.int32).sub_(1).clamp_(0, len(value) - 1)
    torch.where(apart, value.index_select(0, number), p, out=p)


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
