"""Export a checkpoint by upstream's own export and compare what onnxruntime computes."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .batch import synthetic
from .channel import Channel, CheckError, MissingPackageError
from .tree import Tree

SIZE = 160  # an odd number of cells at stride 32
TOLERANCE = 1e-4
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TROUBLE = re.compile(r"fail|error|exception|❌", re.IGNORECASE)


def export_and_compare(tree: Tree, model: nn.Module, channel: Channel) -> dict[str, Any]:
    """The difference is max |onnx - torch| over the predictions, boxes in units of the image's side.

    Scores are 0 to 1 as they are, so every number has the same scale. (Relative to the value
    of a coordinate it would be the rounding of 32 * (cell - distance) that counts, near 0.)

    Raises:
        CheckError: nothing was exported, or the difference is above the tolerance.
        MissingPackageError: onnx or onnxruntime is not installed.
    """
    for module in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(module) is None:
            raise MissingPackageError(module)
    channel.progress("writing a checkpoint", 0, 3)
    weights, reference = save_checkpoint(tree, model)
    channel.progress("upstream's export", 1, 3)
    exported = export_file(tree, weights, SIZE)
    channel.progress("onnxruntime", 2, 3)
    images = synthetic(1, SIZE, tree.nc, torch.device("cpu"), seed=1).images
    with torch.no_grad():
        expected = tree.predictions(reference(images))
    actual = _run(exported, images, tree.spec["onnx_output"])
    difference = _COMPARISONS[tree.spec["exported"]](tree, actual, expected)
    if not difference <= TOLERANCE:
        raise CheckError(f"onnxruntime and torch differ by {difference:.2e}, more than {TOLERANCE:.0e}")
    return {"file_mb": round(exported.stat().st_size / 1e6, 1), "max_difference": difference, "imgsz": SIZE}


def _decoded(tree: Tree, actual: Tensor, expected: Tensor) -> float:
    """Of all predictions, one by one."""
    if actual.shape != expected.shape:
        raise CheckError(f"the exported model gives shape {tuple(actual.shape)}, torch gives {tuple(expected.shape)}")
    return float((tree.normalized(actual, SIZE) - tree.normalized(expected, SIZE)).abs().max())


def _detections(tree: Tree, actual: Tensor, expected: Tensor) -> float:
    """Of the best predictions, which the exported model takes by itself, in an order that rounding decides on.

    Each must be one of torch's predictions, by box and score, and their scores must be torch's highest.
    """
    if actual.dim() != 3 or len(actual) != len(expected) or not actual.shape[1] or actual.shape[2] != 6:
        raise CheckError(f"the exported model gives shape {tuple(actual.shape)}, expected (1, detections, 6)")
    difference = 0.0
    for rows, cells in zip(actual, tree.normalized(expected, SIZE), strict=True):
        scores, classes = cells[:, tree.decoded["values"] :], rows[:, 5].long()
        if len(rows) > scores.numel():
            raise CheckError(f"the exported model gives {len(rows)} detections of {scores.numel()} predictions")
        if not torch.equal(classes.float(), rows[:, 5]) or not 0 <= int(classes.min()) <= int(classes.max()) < tree.nc:
            raise CheckError(f"the exported model gives classes that are none of 0 to {tree.nc - 1}")
        centre, half = cells[:, :2], cells[:, 2:4] / 2
        boxes = torch.cdist(rows[:, :4] / SIZE, torch.cat((centre - half, centre + half), 1), p=float("inf"))
        nearest = torch.maximum(boxes, (rows[:, 4:5] - scores[:, classes].T).abs()).amin(1)
        highest = scores.flatten().topk(len(rows)).values - rows[:, 4].sort(descending=True).values
        difference = max(difference, float(nearest.max()), float(highest.abs().max()))
    return difference


_COMPARISONS = {"decoded": _decoded, "detections": _detections}


def save_checkpoint(tree: Tree, model: nn.Module) -> tuple[Path, nn.Module]:
    """A file as upstream's training leaves it, and the same model in float on the CPU.

    The last step of all four (`strip_optimizer`) leaves a half-precision model without
    gradients under the key `model`; v7 cannot fuse one that wants gradients.
    """
    fresh = tree.build()  # the trained one holds its loss, which upstream's checkpoints do not
    fresh.load_state_dict(model.state_dict())
    fresh = fresh.cpu().eval()
    half = deepcopy(fresh).half().requires_grad_(False)
    content: dict[str, Any] = {"epoch": -1, "best_fitness": None, "model": half, "ema": None, "updates": None}
    content["optimizer"] = None
    if hasattr(fresh, "args"):
        content["train_args"] = vars(fresh.args)
    weights = tree.scratch / "probe.pt"
    torch.save(content, weights)
    return weights, deepcopy(half).float().eval()


def export_file(tree: Tree, weights: Path, size: int) -> Path:
    """The ONNX file that upstream's export makes of a checkpoint for square images of side `size`.

    Raises:
        CheckError: it made none; the message has upstream's last word on it.
    """
    command = _command(tree, weights, size)
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = _COLOUR.sub("", done.stdout.decode("utf-8", "replace"))
    print(output, flush=True)
    exported = weights.with_suffix(".onnx")
    if exported.is_file() and done.returncode == 0:
        return exported
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    trouble = [line for line in lines if _TROUBLE.search(line)] or lines or ["nothing was printed"]
    raise CheckError(f"upstream's export made no ONNX file (exit code {done.returncode}): {trouble[-1]}")


def _command(tree: Tree, weights: Path, size: int) -> list[str]:
    values = {"weights": str(weights), "imgsz": size}
    for part in tree.spec["export"]:
        arguments = [argument.format(**values) for argument in part["arguments"]]
        if part["code"] is not None:
            return [sys.executable, "-B", "-c", part["code"].format(**values), *arguments]
        if Path(part["script"]).is_file():
            return [sys.executable, "-B", part["script"], *arguments]
    raise CheckError("this tree has no export: " + ", ".join(str(part["script"]) for part in tree.spec["export"]))


def _run(exported: Path, images: Tensor, output: int) -> Tensor:
    import onnxruntime  # type: ignore[import-untyped]

    session = onnxruntime.InferenceSession(str(exported), providers=["CPUExecutionProvider"])
    results = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    if output >= len(results):
        raise CheckError(f"the exported model has {len(results)} outputs, expected predictions at {output}")
    return torch.from_numpy(results[output])
