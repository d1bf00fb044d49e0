"""The five levels. Each takes the session, gives its facts, and raises where the tree fails."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .batch import synthetic
from .channel import Channel, CheckError
from .exporting import export_and_compare
from .training import learn
from .tree import Tree, tensors

# (batch, height, width): all strides up to 32 divide these.
SIZES = ((1, 640, 640), (1, 480, 640), (2, 320, 320))


@dataclass
class Session:
    """What the levels share: the tree and the model that `build` made."""

    request: dict[str, Any]
    channel: Channel
    tree: Tree = field(init=False)
    model: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.tree = Tree(self.request)


def build(session: Session) -> dict[str, Any]:
    """Upstream's parser makes the model; strides are those that the head should have."""
    session.model = model = session.tree.build()
    strides = [int(stride) for stride in torch.as_tensor(model.stride).tolist()]
    if strides != session.tree.strides:
        raise CheckError(f"the model's strides are {strides}, expected {session.tree.strides}")
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "strides": strides, "head": type(_head(model)).__name__}


def forward(session: Session) -> dict[str, Any]:
    """Inference at several sizes: finite outputs, the right number of predictions, the cost at 640x640."""
    model = session.model.eval()
    shapes, gflops = [], 0.0
    for number, (count, height, width) in enumerate(SIZES):
        session.channel.progress(f"forward {count}x{height}x{width}", number, len(SIZES))
        images = torch.rand(count, 3, height, width, device=session.tree.device)
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            output = model(images)
        if number == 0:
            gflops = counter.get_total_flops() / 1e9
        _check_finite(output, f"at {count}x3x{height}x{width}")
        shape = tuple(session.tree.predictions(output).shape)
        expected = session.tree.expected_shape(count, height, width)
        if shape != expected:
            raise CheckError(f"at {count}x3x{height}x{width} the predictions have shape {shape}, expected {expected}")
        shapes.append(list(shape))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {"parameters": parameters, "gflops": round(gflops, 3), "shapes": shapes}


def gradients(session: Session) -> dict[str, Any]:
    """Every trainable parameter gets a finite gradient, and still does when the stem is frozen."""
    model = session.model.train()
    wanted = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    session.channel.progress("gradients of all parameters", 0, 2)
    zero = _backward(session, wanted)
    prefix, frozen = _stem(model)
    for parameter in frozen:
        parameter.requires_grad_(False)
    session.channel.progress(f"gradients with {prefix} frozen", 1, 2)
    rest = [(name, parameter) for name, parameter in wanted if parameter.requires_grad]
    try:
        _backward(session, rest, f"with {prefix} frozen, ")
    finally:
        for parameter in frozen:
            parameter.requires_grad_(True)
        model.zero_grad(set_to_none=True)
    return {
        "with_gradient": len(wanted),
        "zero_gradients": zero,
        "frozen": prefix,
        "with_gradient_frozen": len(rest),
    }


def train(session: Session) -> dict[str, Any]:
    """Upstream's loss falls on a repeated batch, and its metrics find true positives."""
    return learn(session.tree, session.model, session.channel)


def export(session: Session) -> dict[str, Any]:
    """Upstream's ONNX export gives the same predictions in onnxruntime."""
    return export_and_compare(session.tree, session.model, session.channel)


def _backward(session: Session, wanted: list[tuple[str, nn.Parameter]], when: str = "") -> int:
    """One backward of upstream's loss; gives the number of gradients that are zero everywhere."""
    model = session.model
    model.zero_grad(set_to_none=True)
    batch = synthetic(2, 128, session.tree.nc, session.tree.device)
    loss = session.tree.loss(model)(batch)
    value = float(loss.detach())
    if not math.isfinite(value):
        raise CheckError(f"{when}the loss is {value}")
    torch.autograd.backward(loss)
    missing = [name for name, parameter in wanted if parameter.grad is None]
    if missing:
        raise CheckError(f"{when}{_some(missing)} of {len(wanted)} parameters got no gradient")
    broken = [name for name, parameter in wanted if not _finite(parameter.grad)]
    if broken:
        raise CheckError(f"{when}{_some(broken)} of {len(wanted)} parameters got a gradient that is not finite")
    return sum(not bool(parameter.grad.any()) for _, parameter in wanted if parameter.grad is not None)


def _stem(model: nn.Module) -> tuple[str, list[nn.Parameter]]:
    """What a user freezes first: the stem of RevCol, or the first row of a stock model."""
    row: Any = model.model[0]  # type: ignore[index]
    stem = getattr(row, "stem", None)
    name, part = ("model.0.stem", stem) if isinstance(stem, nn.Module) else ("model.0", row)
    return name, [parameter for parameter in part.parameters() if parameter.requires_grad]


def _head(model: nn.Module) -> Any:
    return model.model[-1]  # type: ignore[index]


def _check_finite(output: Any, when: str) -> None:
    for tensor in tensors(output):
        if not _finite(tensor):
            raise CheckError(f"{when} the output has values that are not finite")


def _finite(tensor: Tensor | None) -> bool:
    return tensor is not None and bool(torch.isfinite(tensor).all())


def _some(names: list[str]) -> str:
    """A few names and how many there are."""
    shown = ", ".join(names[:5])
    return f"{len(names)} ({shown}{', ...' if len(names) > 5 else ''})"
