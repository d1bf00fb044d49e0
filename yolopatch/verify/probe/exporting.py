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
    """The difference is max |onnx - torch| over the decoded predictions, boxes in units of the image's side.

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
    weights, reference = _checkpoint(tree, model)
    channel.progress("upstream's export", 1, 3)
    exported = _export(tree, weights)
    channel.progress("onnxruntime", 2, 3)
    images = synthetic(1, SIZE, tree.nc, torch.device("cpu"), seed=1).images
    with torch.no_grad():
        expected = tree.predictions(reference(images))
    actual = _run(exported, images, tree.spec["onnx_output"])
    if actual.shape != expected.shape:
        raise CheckError(f"the exported model gives shape {tuple(actual.shape)}, torch gives {tuple(expected.shape)}")
    difference = float((tree.normalized(actual, SIZE) - tree.normalized(expected, SIZE)).abs().max())
    if not difference <= TOLERANCE:
        raise CheckError(f"onnxruntime and torch differ by {difference:.2e}, more than {TOLERANCE:.0e}")
    return {"file_mb": round(exported.stat().st_size / 1e6, 1), "max_difference": difference, "imgsz": SIZE}


def _checkpoint(tree: Tree, model: nn.Module) -> tuple[Path, nn.Module]:
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


def _export(tree: Tree, weights: Path) -> Path:
    command = _command(tree, weights)
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


def _command(tree: Tree, weights: Path) -> list[str]:
    values = {"weights": str(weights), "imgsz": SIZE}
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
