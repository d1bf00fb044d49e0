"""Tells what an interpreter and a workspace can do, and what a file of weights is, in one JSON file.

Run as a file in the workspace: `python look.py REQUEST RESULT`. The request names the modules to look for, the weights,
and the model to compare them with. Needs what upstream needs, and nothing of yolopatch.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

_VERSIONS = ("torch", "torchvision", "numpy")


def main(request_file: str, result_file: str) -> None:
    """Answer one request."""
    sys.path[0] = os.getcwd()  # the tree's modules come first, as for its own scripts  # noqa: PTH109
    request = json.loads(Path(request_file).read_text(encoding="utf-8"))
    result: dict[str, Any] = {"versions": {"python": platform.python_version()}, "missing": None}
    try:
        _interpreter(result, request["modules"])
        if request.get("weights"):
            result["weights"] = _weights(request)
    except ModuleNotFoundError as error:
        result["missing"] = error.name
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


def _interpreter(result: dict[str, Any], modules: list[str]) -> None:
    for name in _VERSIONS:
        result["versions"][name] = str(importlib.import_module(name).__version__)
    import torch

    cuda = torch.cuda.is_available()
    result["gpus"] = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())] if cuda else []
    result["mps"] = bool(torch.backends.mps.is_available())
    result["modules"] = {name: _has(name) for name in modules}


def _has(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _weights(request: dict[str, Any]) -> dict[str, Any]:
    import torch

    try:
        checkpoint = torch.load(request["weights"], map_location="cpu", weights_only=False)
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    model: Any = (checkpoint.get("ema") or checkpoint.get("model")) if isinstance(checkpoint, dict) else None
    if model is None or not hasattr(model, "state_dict"):
        return {"problem": "it holds no model of upstream's"}
    found: dict[str, Any] = {"problem": None, "epoch": checkpoint.get("epoch", -1), "nc": _classes(model)}
    if request.get("config"):
        found.update(_compare(model.state_dict(), request))
    return found


def _classes(model: Any) -> int | None:
    number = getattr(model, "nc", None) or len(getattr(model, "names", ()) or ())
    return int(number) if number else None


def _compare(have: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """How much of the model in `request` the weights `have` fit, by name and shape."""
    model = _class(request["classes"])(request["config"], nc=request["nc"], **request["arguments"])
    want = model.state_dict()
    fits = [name for name, value in want.items() if name in have and have[name].shape == value.shape]
    numbers = sum(value.numel() for value in want.values())
    return {"tensors": len(want), "fitting": len(fits), "share": sum(want[name].numel() for name in fits) / numbers}


def _class(places: list[str]) -> Any:
    for place in places:
        module, _, name = place.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            continue
    raise LookupError(f"the tree has none of {', '.join(places)}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
