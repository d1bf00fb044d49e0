"""How the weights start."""

from __future__ import annotations

from torch import nn

from .weigh import Attention


def initialize(model: nn.Module, how: str) -> None:
    """Fill the weights of every Conv and Linear, and set their biases to zero.

    `paper` is a truncated normal of 0.02, made for ImageNet pre-training. It holds a narrow model
    back that starts from nothing; for those there is `kaiming`, a normal whose width follows from
    the number of inputs (a depthwise convolution has kernel_size^2 of them, whatever its channels).
    """
    for module in model.modules():
        if not isinstance(module, (nn.Conv2d, nn.Linear)):
            continue
        if how == "paper":
            nn.init.trunc_normal_(module.weight, std=0.02)
        else:
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    for module in model.modules():
        if isinstance(module, Attention):
            module.start_as_sum()
