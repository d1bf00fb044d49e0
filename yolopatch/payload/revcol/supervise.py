"""The one line of a training script: `loss = supervise(model, loss, targets, epoch, epochs, last)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from .model import RevCol
from .supervision import Supervision, is_distributed


def supervise(
    model: nn.Module,
    loss: Tensor,
    targets: Tensor | Mapping[str, Any],
    epoch: int | None = None,
    epochs: int = 0,
    last: bool = False,
) -> Tensor:
    """Add the terms of intermediate supervision to the loss of a batch; the loss itself where there is none.

    Args:
        model: a YOLO, wrapped or not.
        loss: of the whole batch: a scalar, or a vector whose sum it is.
        targets: (M, 2 or more) rows that begin with the index of an image in the batch and a class, or a
            mapping with (M,) or (M, 1) `batch_idx` and `cls`.
        epoch, epochs: from 0, and how many there are, where the script calls `start_epoch` by this line only.
        last: whether it is the epoch's last batch, after which the means are logged.
    """
    if not model.training or not torch.is_grad_enabled():
        return loss
    for supervision in _supervisions(model):
        if epoch is not None:
            _start(supervision, epoch, epochs)
        if supervision.is_needed():
            images, classes = _boxes(targets)
            loss = loss + supervision.loss(images.to(loss.device), classes.to(loss.device)) / loss.numel()
        if last and epoch is not None:
            _log(supervision, epoch, epochs)
    return loss


def start_epoch(model: nn.Module, epoch: int, epochs: int) -> None:
    """Apply the schedule: the last `close` epochs are without supervision. Epochs count from 0."""
    for supervision in _supervisions(model):
        _start(supervision, epoch, epochs)


def end_epoch(model: nn.Module, epoch: int, epochs: int) -> None:
    """Log the means of an epoch's terms."""
    for supervision in _supervisions(model):
        _log(supervision, epoch, epochs)


def strip(model: nn.Module) -> None:
    """Take out, in place, what a model needs for training only."""
    for module in model.modules():
        if isinstance(module, RevCol):
            module.strip()


def _supervisions(model: nn.Module) -> Iterator[Supervision]:
    for module in model.modules():
        if isinstance(module, Supervision):
            yield module


def _start(supervision: Supervision, epoch: int, epochs: int) -> None:
    supervision.active = epoch < epochs - supervision.options.close


def _log(supervision: Supervision, epoch: int, epochs: int) -> None:
    summary = supervision.summary()
    if not is_distributed() or torch.distributed.get_rank() == 0:
        # A line of its own: progress bars leave the cursor at the end of theirs.
        print(f"\nsupervision: epoch {epoch + 1}/{epochs} {summary}", flush=True)


def _boxes(targets: Tensor | Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    if isinstance(targets, Mapping):
        return targets["batch_idx"].view(-1), targets["cls"].view(-1)
    return targets[:, 0], targets[:, 1]
