"""What is known of a model and its machine without a clock: parameters, operations, rows."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import platform
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

PARTS = ("backbone", "neck", "head")


def machine(device: torch.device) -> dict[str, Any]:
    """What decides how long things take here. `host` tells machines apart and does not name them."""
    cuda = device.type == "cuda"
    return {
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if cuda else None,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "onnxruntime": _version("onnxruntime"),
    }


def parameters(model: nn.Module) -> dict[str, int]:
    """Numbers that are trained or loaded as parameters, by part.

    The YAML says which rows are the backbone, the last row is the head, what is between them the neck.
    """
    counts: Counter[str] = Counter(dict.fromkeys(PARTS, 0))
    seen: set[int] = set()
    for number, row in enumerate(_rows(model)):
        counts[_part(model, number)] += _count(row, seen)
    counts["head"] += _count(model, seen)  # what stands beside the rows; no upstream has anything there
    return dict(counts)


def operations(model: nn.Module, size: int, device: torch.device) -> tuple[dict[str, float], dict[str, float]]:
    """GFLOPs of one forward in eval mode of one picture: by the operation as torch calls it, and by part.

    One counter counts both, the second by what each row of the model adds to it, so their sums are equal. What is
    computed beside the rows counts as the head's.
    """
    counter = FlopCounterMode(display=False)
    by_part = dict.fromkeys(PARTS, 0)
    before: list[int] = []
    hooks = [
        hook
        for number, row in enumerate(_rows(model))
        for hook in (
            row.register_forward_pre_hook(lambda *_: before.append(counter.get_total_flops())),
            row.register_forward_hook(_adder(by_part, _part(model, number), before, counter)),
        )
    ]
    try:
        with torch.no_grad(), counter:
            model.eval()(torch.rand(1, 3, size, size, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    by_part["head"] += counter.get_total_flops() - sum(by_part.values())
    found = counter.get_flop_counts().get("Global", {})
    by_name = {str(name).removeprefix("aten."): flops / 1e9 for name, flops in found.items() if flops}
    return by_name, {part: flops / 1e9 for part, flops in by_part.items()}


def _adder(by_part: dict[str, int], part: str, before: list[int], counter: FlopCounterMode) -> Callable[..., None]:
    def add(*_: Any) -> None:
        by_part[part] += counter.get_total_flops() - before.pop()

    return add


def graph(model: nn.Module) -> list[dict[str, Any]]:
    """The rows of the model: where each takes its input from, what it is, and its parameters."""
    rows = _rows(model)
    found = []
    for number, row in enumerate(rows):
        source = getattr(row, "f", -1)
        inputs = [one if one >= 0 else number + one for one in (source if isinstance(source, list) else [source])]
        kind = str(getattr(row, "type", type(row).__name__)).rpartition(".")[2]
        count = sum(parameter.numel() for parameter in row.parameters())
        found.append({"inputs": inputs, "kind": kind, "part": _part(model, number), "parameters": count})
    return found


def revcols(model: nn.Module) -> list[Any]:
    """RevCol's modules; a stock model has none."""
    return [module for module in model.modules() if type(module).__name__ == "RevCol"]


def _rows(model: nn.Module) -> list[nn.Module]:
    return list(model.model)  # type: ignore[arg-type]


def _part(model: nn.Module, number: int) -> str:
    config = getattr(model, "yaml", None)
    backbone = len(config["backbone"]) if isinstance(config, dict) and "backbone" in config else 1
    if number == len(_rows(model)) - 1:
        return "head"
    return "backbone" if number < backbone else "neck"


def _count(module: nn.Module, seen: set[int]) -> int:
    new = [parameter for parameter in module.parameters() if id(parameter) not in seen]
    seen.update(map(id, new))
    return sum(parameter.numel() for parameter in new)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
