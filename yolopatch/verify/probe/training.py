"""Learn one batch by heart, then judge the predictions by upstream's own metrics."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from .batch import Batch, synthetic
from .channel import Channel, CheckError
from .names import find
from .tree import Tree

IMAGES, SIZE = 4, 128
STEPS = 200
CHECK_EVERY = 10
LEARNING_RATE = 2e-3
WARMUP = 5
FALLEN = 0.5
"""The loss has clearly fallen when the mean of the last five steps is below this share of the first."""
THRESHOLDS = torch.linspace(0.5, 0.95, 10)


def learn(tree: Tree, model: nn.Module, channel: Channel) -> dict[str, Any]:
    """Train until the loss has fallen and upstream's metrics see true positives.

    Raises:
        CheckError: the loss is not finite, or the limit of steps is reached first.
    """
    batch = synthetic(IMAGES, SIZE, tree.nc, tree.device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE)
    loss_of = tree.loss(model)
    losses: list[float] = []
    found: dict[str, Any] = {"true_positives": 0}
    for step in range(1, STEPS + 1):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * min(1.0, step / WARMUP)
        losses.append(_step(model, optimizer, loss_of(batch), parameters))
        channel.progress(f"train step {step}: loss {losses[-1]:.3f}", step, STEPS)
        if step % CHECK_EVERY or _last(losses) > FALLEN * losses[0]:
            continue
        found = judge(tree, model, batch)
        if found["true_positives"]:
            break
    facts = {"steps": len(losses), "loss_first": losses[0], "loss_last": _last(losses), **found}
    if _last(losses) > FALLEN * losses[0]:
        raise CheckError(
            f"after {STEPS} steps the loss fell from {losses[0]:.3f} to {_last(losses):.3f} only; "
            f"expected less than {FALLEN:g} of the first"
        )
    if not found["true_positives"]:
        raise CheckError(f"after {STEPS} steps on one batch of {IMAGES} images no prediction is a true positive")
    return {**facts, "criterion": f"mean of the last 5 losses below {FALLEN:g} of the first, and a true positive"}


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, parameters: list[nn.Parameter]) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise CheckError(f"the training loss is {value}")
    optimizer.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    nn.utils.clip_grad_norm_(parameters, 10.0)
    optimizer.step()
    return value


def _last(losses: list[float]) -> float:
    return sum(losses[-5:]) / len(losses[-5:])


def judge(tree: Tree, model: nn.Module, batch: Batch) -> dict[str, Any]:
    """Upstream's NMS, matching by upstream's IoU, and upstream's average precision on the batch.

    The model is back in training mode afterwards.
    """
    settle(model, batch.images)
    metrics = tree.spec["metrics"]
    with torch.no_grad():
        decoded = tree.predictions(model.eval()(batch.images))
        # A copy: some pins write into the predictions.
        detections = find(metrics["nms"])(decoded.clone(), conf_thres=0.001, iou_thres=0.6)
    model.train()
    box_iou = find(metrics["box_iou"])
    hits, scores, labels = [], [], []
    for image, rows in enumerate(detections):
        truth = batch.targets[batch.targets[:, 0] == image]
        hits.append(_matches(rows.cpu(), _boxes(truth, batch).cpu(), truth[:, 1].cpu(), box_iou))
        scores.append(rows[:, 4].cpu())
        labels.append(rows[:, 5].cpu())
    hit = torch.cat(hits)
    found: dict[str, Any] = {"true_positives": int(hit[:, 0].sum()), "detections": len(hit)}
    if not found["true_positives"]:
        return found
    names = {index: str(index) for index in range(tree.nc)}
    result = find(metrics["ap_per_class"])(
        hit.numpy(),
        torch.cat(scores).numpy(),
        torch.cat(labels).numpy(),
        batch.targets[:, 1].cpu().numpy(),
        names=names,
    )
    precision = result[metrics["ap_result"]]
    found["map50"] = round(float(precision[:, 0].mean()), 4)
    found["map50_95"] = round(float(precision.mean()), 4)
    if not math.isfinite(found["map50"]) or found["map50"] <= 0:
        raise CheckError(f"upstream's metrics give mAP50 {found['map50']} for {found['true_positives']} true positives")
    return found


def settle(model: nn.Module, images: Tensor) -> None:
    """Give BatchNorm the statistics of the batch as it is now.

    After few steps the running averages still hold the values of the start, and eval mode
    would say nothing about what was learned. One pass is exact: each layer sees inputs that
    the layers before it have normalized with this batch.
    """
    layers = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    model.eval()
    before = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over passes
        layer.train()
    with torch.no_grad():
        model(images)
    for layer, momentum in zip(layers, before, strict=True):
        layer.momentum = momentum


def _boxes(targets: Tensor, batch: Batch) -> Tensor:
    """Targets as corner boxes in pixels, (M, 4)."""
    height, width = batch.images.shape[-2:]
    scale = torch.tensor([width, height, width, height], device=targets.device)
    centre, half = targets[:, 2:4], targets[:, 4:6] / 2
    return torch.cat((centre - half, centre + half), 1) * scale


def _matches(rows: Tensor, boxes: Tensor, labels: Tensor, box_iou: Any) -> Tensor:
    """Which detections (n, 6) are right, at each IoU threshold: (n, 10), bool. A label is used once."""
    hit = torch.zeros(len(rows), len(THRESHOLDS), dtype=torch.bool)
    if not len(rows):
        return hit
    overlap = box_iou(boxes, rows[:, :4]) * (labels[:, None] == rows[:, 5])
    for number, threshold in enumerate(THRESHOLDS):
        left = overlap.clone()
        while float(left.max()) >= float(threshold):
            label, row = divmod(int(left.argmax()), left.shape[1])
            hit[row, number] = True
            left[label] = 0
            left[:, row] = 0
    return hit
