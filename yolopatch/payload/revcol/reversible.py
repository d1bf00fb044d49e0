"""The exact mode: a column as one autograd function that keeps records instead of features.

The backward goes through the columns from last to first, and through a column from level 3 to level
0. With the column's own outputs at hand it runs a level's function again, once, with a graph; takes
`p = (c - f) / alpha` and its record for the previous column's level, bit for bit; and lets autograd
have the level's gradients. What it got back, it hands to the previous column's node. So a feature
exists while two neighbouring columns are worked on, and no longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .column import Column, alpha_gradient, away_from_zero, neighbours, p_gradient
from .context import RandomState, autocast, autocast_dtype, may_wait, repeatable
from .record import Record, join, join_and_record, restore, same_bits
from .rowwise import channels_last
from .settings import LEVELS

Slot = tuple[nn.Module, str, Tensor]


@dataclass
class Pass:
    """What the columns of one forward share; columns and levels are counted from 0.

    Attributes:
        room: see `record.join_and_record`.
        recovered: outputs of a column that the next column's backward got back.
        checks: column, level, and whether something is wrong there, on the device.
        records: for each column and level the elements and bytes of its record, and for each chunk how many
            elements do not fit and for how many there is space.
    """

    room: float | None
    recovered: dict[int, list[Tensor]] = field(default_factory=dict)
    checks: list[tuple[int, int, Tensor]] = field(default_factory=list)
    records: dict[tuple[int, int], tuple[int, int, list[Tensor], list[int]]] = field(default_factory=dict)

    def report(self) -> tuple[list[dict[str, int]], bool]:
        """The memory report of `RevCol.memory_report`, and whether all space sufficed; asks the device once."""
        counts = [count for _, _, counts, _ in self.records.values() for count in counts]
        numbers = torch.stack(counts).tolist() if counts else []
        rows, enough = [], True
        for (column, level), (elements, size, counts, spaces) in self.records.items():
            found, numbers = numbers[: len(counts)], numbers[len(counts) :]
            enough = enough and all(number <= space for number, space in zip(found, spaces, strict=True))
            row = {"column": column + 1, "level": level, "elements": elements, "bytes": size, "apart": sum(found)}
            rows.append(row)
        return rows, enough

    def check(self, column: int, level: int, wrong: Tensor) -> None:
        """Raise RuntimeError if something is wrong; on a device that is asked once, when the backward ends."""
        if may_wait(wrong):
            if wrong:
                _refuse(column, level)
            return
        if not self.checks:
            torch.autograd.Variable._execution_engine.queue_callback(self._check_all)
        self.checks.append((column, level, wrong))

    def _check_all(self) -> None:
        checks, self.checks = self.checks, []
        answers = torch.stack([wrong for _, _, wrong in checks]).tolist()
        for (column, level, _), wrong in zip(checks, answers, strict=True):
            if wrong:
                _refuse(column, level)


def run_column(
    column: Column, number: int, kept: bool, shared: Pass, stem: Tensor, previous: Sequence[Tensor] | None, known: bool
) -> list[Tensor]:
    """The outputs of a column, as `Column.forward` gives them, in the exact mode.

    Args:
        column: the module.
        number: counted from 0.
        kept: whether its outputs are outputs of the model, which exist anyway.
        shared: by all columns of this forward.
        stem, previous: as `Column.forward` takes them.
        known: whether `previous` are outputs of the model.
    """
    slots = [_slots(column, level) for level in range(LEVELS)]
    before: Sequence[Any] = previous or [None] * LEVELS
    inputs = [stem, *before, *(tensor for level in slots for _, _, tensor in level)]
    if not any(x is not None and x.requires_grad for x in inputs):
        return column.forward(stem, previous)
    call = _Call(column, number, kept, known, shared, slots)
    outputs: tuple[Tensor, ...] = _ExactColumn.apply(call, *inputs)
    return list(outputs)


@dataclass
class _Call:
    """One column in one forward: what its backward must know beside tensors."""

    column: Column
    number: int
    kept: bool
    known: bool
    shared: Pass
    slots: list[list[Slot]]
    states: list[RandomState | None] = field(default_factory=list)
    versions: list[list[int]] = field(default_factory=list)
    autocast: torch.dtype | None = None
    counts: list[int] = field(default_factory=list)

    def level(self, level: int, tensors: Sequence[Tensor], *inputs: Tensor | None) -> Tensor:
        """Run a level's function again, on these parameters."""
        state, device = self.states[level], tensors[0].device.type
        random = state.replayed() if state is not None else nullcontext()
        with random, repeatable(device), autocast(device, self.autocast), _swapped(self.slots[level][1:], tensors):
            output: Tensor = self.column.level(level)(*inputs)
        return output


class _ExactColumn(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: _Call, stem: Tensor, *tensors: Any) -> tuple[Tensor, ...]:
        ctx.call, ctx.first = call, tensors[0] is None
        ctx.set_materialize_grads(False)
        previous = None if ctx.first else list(tensors[:LEVELS])
        call.autocast = autocast_dtype(stem.device.type)
        call.versions = [[tensor._version for _, _, tensor in level] for level in call.slots]
        outputs, saved = [], [stem]
        below = stem
        for level in range(LEVELS):
            call.states.append(RandomState(stem) if call.column.training else None)
            with repeatable(stem.device.type):
                f = call.column.level(level)(below, *neighbours(level, previous))
            below, record = _connect(call, level, f, None if previous is None else previous[level])
            outputs.append(below)
            call.counts.append(len(record))
            saved.extend(record)
        ctx.save_for_backward(*saved, *(outputs if call.kept else ()))
        return tuple(outputs)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        return (None, *_Backward(ctx, grads).run())


def _connect(call: _Call, level: int, f: Tensor, p: Tensor | None) -> tuple[Tensor, list[Tensor]]:
    """The level's output, and what must be kept to get p back."""
    if p is None:
        return f, []
    alpha = call.column.alpha(level)
    if call.known:
        return join(f, alpha, p), [p]
    c, record = join_and_record(f, alpha, p, call.shared.room)
    size = sum(t.numel() * t.element_size() for t in record.tensors())
    spaces = [len(value) for value in record.value]
    call.shared.records[call.number - 1, level] = p.numel(), size, record.count, spaces
    return c, record.tensors()


class _Backward:
    """The backward of one column, level by level."""

    def __init__(self, ctx: Any, grads: Sequence[Tensor | None]) -> None:
        self.call: _Call = ctx.call
        self.grads = list(grads)
        self.first = ctx.first
        self.stem, *saved = ctx.saved_tensors
        self.records = [[saved.pop(0) for _ in range(count)] for count in self.call.counts]
        self.outputs: list[Any] = saved if self.call.kept else self._recovered()
        needs = ctx.needs_input_grad[1:]
        self.need_stem, self.need_previous, needs = needs[0], any(needs[1 : 1 + LEVELS]), list(needs[1 + LEVELS :])
        self.need_parameters = [[needs.pop(0) for _ in slots] for slots in self.call.slots]
        self.previous: list[Any] = [None] * LEVELS
        self.previous_grads: list[Tensor | None] = [None] * LEVELS
        self.parameter_grads: list[list[Tensor | None]] = [[None] * len(slots) for slots in self.call.slots]

    def run(self) -> list[Tensor | None]:
        """Gradients of the stem, of the previous column's levels, of the parameters."""
        carried: Tensor | None = None
        for level in reversed(range(LEVELS)):
            grad, self.grads[level] = _add(self.grads[level], carried), None
            carried = self._level(level, grad)
        if self.need_previous and not self.call.known:
            self.call.shared.recovered[self.call.number - 1] = self.previous
        flat = [grad for grads in self.parameter_grads for grad in grads]
        return [carried, *self.previous_grads, *flat]

    def _level(self, level: int, grad: Tensor | None) -> Tensor | None:
        """Get the previous column's level back, add this level's gradients; returns that of what lies below."""
        call, slots = self.call, self.call.slots[level]
        if call.versions[level] != [tensor._version for _, _, tensor in slots]:
            _refuse(call.number, level)
        tensors = [_leaf(tensor, need) for (_, _, tensor), need in zip(slots, self.need_parameters[level], strict=True)]
        below, (above, top) = self.outputs[level - 1] if level else self.stem, neighbours(level, self.previous)
        need_below = self.need_stem or self.need_previous or any(map(any, self.need_parameters[:level]))
        inputs = [_leaf(below, need_below), _leaf(above, self.need_previous), _leaf(top, self.need_previous)]
        with torch.set_grad_enabled(grad is not None):
            f = call.level(level, tensors[1:], *inputs)
        self._recover(level, f.detach(), tensors[0].detach())
        if grad is None:
            return None
        grad = channels_last(grad)
        self._join_gradients(level, grad, tensors[0])
        wanted = [x for x in (*inputs, *tensors[1:]) if x is not None and x.requires_grad]
        if not wanted:
            return None
        grads = torch.autograd.grad(f, wanted, grad.to(f.dtype), allow_unused=True)
        found = dict(zip(map(id, wanted), grads, strict=True))
        self.parameter_grads[level][1:] = [found.get(id(tensor)) for tensor in tensors[1:]]
        for index, x in ((level + 1, inputs[1]), (LEVELS - 1, inputs[2])):
            if x is not None:
                self.previous_grads[index] = _add(self.previous_grads[index], found.get(id(x)))
        return found.get(id(inputs[0]))

    def _recover(self, level: int, f: Tensor, alpha: Tensor) -> None:
        """The previous column's level from this one's output, which is not needed after it."""
        call, c, kept = self.call, self.outputs[level], self.records[level]
        self.outputs[level] = None
        if self.first:
            wrong = ~same_bits(f, c)
        elif call.known:
            self.previous[level] = kept[0]
            wrong = ~same_bits(join(f, away_from_zero(alpha), kept[0]), c)
        else:
            p, wrong = restore(Record.of(kept), c, f, away_from_zero(alpha))
            self.previous[level] = p
        call.shared.check(call.number, level, wrong)

    def _join_gradients(self, level: int, grad: Tensor, alpha: Tensor) -> None:
        p = self.previous[level]
        if alpha.requires_grad:
            self.parameter_grads[level][0] = alpha_gradient(grad, alpha, p)
        if self.need_previous and p is not None:
            self.previous_grads[level] = p_gradient(grad, alpha).to(p.dtype)

    def _recovered(self) -> list[Tensor]:
        found = self.call.shared.recovered.pop(self.call.number, None)
        if found is None:
            raise RuntimeError(
                f"RevCol: column {self.call.number + 1} got a gradient, but nothing brought its features back; "
                "they are no output of the model in the exact mode: name the column in aux_columns, or set mode: plain"
            )
        return found


def _slots(column: Column, level: int) -> list[Slot]:
    """Where a level's parameters stand, alpha first. What stands there may be a tensor of functional_call."""
    parts: list[Slot] = [(column, f"alpha{level}", getattr(column, f"alpha{level}"))]
    for module in column.level(level).modules():
        parts.extend((module, name, tensor) for name, tensor in module._parameters.items() if tensor is not None)
    return parts


@contextmanager
def _swapped(slots: Sequence[Slot], tensors: Sequence[Tensor]) -> Iterator[None]:
    """Put these tensors where the parameters stand, as torch.func.functional_call does."""
    before = [module._parameters[name] for module, name, _ in slots]
    _put(slots, tensors)
    try:
        yield
    finally:
        _put(slots, before)


def _put(slots: Sequence[Slot], tensors: Sequence[Any]) -> None:
    for (module, name, _), tensor in zip(slots, tensors, strict=True):
        module._parameters[name] = tensor


def _leaf(x: Tensor | None, needs_grad: bool) -> Any:
    return None if x is None else x.detach().requires_grad_(needs_grad)


def _add(first: Tensor | None, second: Tensor | None) -> Tensor | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _refuse(column: int, level: int) -> None:
    raise RuntimeError(
        f"RevCol: column {column + 1}, level {level} (subnet{column}.level{level}) did not give in the backward what "
        "it gave in the forward, so that no gradient can be trusted. Its weights, their memory format, the training "
        "flag, the number of threads or the kernels changed between the two; with mode: plain nothing is computed twice"
    )
