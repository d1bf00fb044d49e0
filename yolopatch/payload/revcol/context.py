"""The circumstances of a call: what records it, which dtype autocast asks for, where the random numbers stand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

if hasattr(torch.compiler, "is_compiling"):  # torch 2.3
    from torch.compiler import is_compiling, is_dynamo_compiling
else:
    from torch._dynamo.external_utils import is_compiling

    is_dynamo_compiling = is_compiling


def is_traced(x: Tensor) -> bool:
    """Whether torch.jit.trace or the ONNX exporter that uses it is recording: sizes are tensors then."""
    return isinstance(x.shape[0], Tensor)


def is_recorded(x: Tensor) -> bool:
    """Whether something else than autograd looks at the operations, so that they must be ordinary ones.

    That is a trace, torch.compile, torch.export, or a transform of torch.func.
    """
    return is_traced(x) or is_compiling() or torch._C._functorch.peek_interpreter_stack() is not None


def is_compiled() -> bool:
    """Whether torch.compile is at work, and not torch.export, whose graph should be the plain one."""
    exporting = getattr(torch.compiler, "is_exporting", bool)  # torch 2.7
    return is_dynamo_compiling() and not exporting()


def may_wait(x: Tensor) -> bool:
    """Whether to ask x's device for a number, which waits until it has computed it, costs nothing."""
    return x.device.type == "cpu"


def autocast_dtype(device: str) -> torch.dtype | None:
    """The dtype that autocast computes in on this type of device; None where it is off."""
    if hasattr(torch, "get_autocast_dtype"):  # torch 2.4
        on = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
        return torch.get_autocast_dtype(device) if on else None
    if device == "cpu":
        return torch.get_autocast_cpu_dtype() if torch.is_autocast_cpu_enabled() else None
    return torch.get_autocast_gpu_dtype() if torch.is_autocast_enabled() else None


def autocast(device: str, dtype: torch.dtype | None) -> AbstractContextManager[Any]:
    """A context in which autocast is on with this dtype, or off for None."""
    if dtype is None and autocast_dtype(device) is None:
        return nullcontext()
    return torch.autocast(device, dtype=dtype, enabled=dtype is not None)


@contextmanager
def repeatable(device: str) -> Iterator[None]:
    """Kernels that give the same bits for the same input, whatever a training script has set.

    On CUDA cuDNN may else time its algorithms and take another one the second time (`benchmark`), or one that
    adds in no fixed order. The kernels of the backward keep the script's setting.
    """
    if device != "cuda":
        yield
        return
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = False, True
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.deterministic = before


class RandomState:
    """Where the random generators of the CPU and of a tensor's device stand."""

    def __init__(self, x: Tensor) -> None:
        self.generators: list[tuple[Any, tuple[Any, ...]]] = [(torch, ())]
        if x.device.type != "cpu":
            self.generators.append((getattr(torch, x.device.type), () if x.device.type == "mps" else (x.device,)))
        self.states = self._read()

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Random numbers as they were drawn after this state was taken; what came since is not disturbed."""
        present = self._read()
        self._write(self.states)
        try:
            yield
        finally:
            self._write(present)

    def _read(self) -> list[Tensor]:
        return [module.get_rng_state(*device) for module, device in self.generators]

    def _write(self, states: list[Tensor]) -> None:
        for (module, device), state in zip(self.generators, states, strict=True):
            module.set_rng_state(state, *device)
