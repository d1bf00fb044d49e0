"""Makes checkpoints in a patched tree and looks at what `yolopatch deploy` made of them.

Run in the tree's root by `python -B in_tree_deploy.py REQUEST`; it needs no yolopatch installed. Checkpoints are
loaded by upstream's own loader, which fuses what it can, as the scripts that validate and detect do.
"""

from __future__ import annotations

import importlib
import json
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

SIZE = 128
Request = dict[str, Any]


def main() -> None:
    request: Request = json.loads(Path(sys.argv[1]).read_text())
    sys.argv[1:] = []  # upstream modules parse sys.argv at import
    sys.path[0] = str(Path.cwd())
    torch.manual_seed(0)
    answer = {"make": make, "look": look}[request["do"]](request)
    Path(request["answer"]).write_text(json.dumps(answer))


def make(request: Request) -> dict[str, Any]:
    """Write a checkpoint as training leaves it midway, of a model in which nothing has the value it starts with."""
    config = yaml.safe_load(Path(request["config"]).read_text())
    row = next(row for row in config["backbone"] if row[2] == "RevCol")
    row[3][0][3] += 8  # the user edited a number; the workspace's YAML keeps the old one
    row[3][3] = {**row[3][3], **request["options"]}
    model = _class(request["model"])(config)
    reached = _reached(model, request["auxiliary"]) if request["auxiliary"] else None
    _disturb(model)
    model.names = {number: f"class {number}" for number in range(model.yaml["nc"])}
    torch.save(
        {
            "epoch": 3,
            "best_fitness": 0.1,
            "model": deepcopy(model).half(),
            "ema": _shifted(model).half(),
            "updates": 7,
            "optimizer": {"state": torch.zeros(1000)},
            "training_results": "",
            "train_args": {},
        },
        request["weights"],
    )
    return {"reached": reached, "keys": len(model.state_dict())}


@torch.no_grad()
def look(request: Request) -> dict[str, Any]:
    """What differs between two checkpoints, and what is in the second."""
    images = torch.rand(1, 3, SIZE, SIZE)
    found = []
    for name in ("weights", "deployed"):
        output: Any = _load(request, request[name])(images.clone())
        for index in request["paths"][name]:
            output = output[index]
        found.append(output.transpose(1, 2) if request["layout"] == "columns" else output)
    content = torch.load(request["deployed"], map_location="cpu", weights_only=False)
    model = content["model"]
    before, after = (torch.cat((rows[..., :4] / SIZE, rows[..., 4:]), -1) for rows in found)
    names = list(model.state_dict())
    return {
        "difference": float((after - before).abs().max()),
        "spread": float(before.std(1).mean()),
        "head": type(model.model[-1]).__name__,
        "rows": [row[2] for row in (*model.yaml["backbone"], *model.yaml["head"])],
        "revcol": next(row for row in model.yaml["backbone"] if row[2] == "RevCol")[3],
        "names": model.names[0],
        "training_only": [n for n in names if any(part in n for part in (".m2.", ".implicit", "supervision"))],
        "optimizer": content["optimizer"],
        "ema": content["ema"],
        "dtypes": sorted({str(value.dtype) for value in model.state_dict().values()}),
        "wants_gradients": any(parameter.requires_grad for parameter in model.parameters()),
    }


def _reached(model: Any, auxiliary: list[Any]) -> dict[str, Any]:
    """Where the gradient of the auxiliary outputs alone is not zero: columns of RevCol by number, rows by module."""
    model.train()
    output = model(torch.rand(2, 3, SIZE, SIZE))
    for part in auxiliary:
        output = output[slice(*part)] if isinstance(part, list) else output[part]
    sum((level.sigmoid() * torch.rand_like(level)).mean() for level in output).backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None and bool(p.grad.any())}
    model.zero_grad(set_to_none=True)
    columns = {name.split(".subnet")[1].split(".")[0] for name in touched if ".subnet" in name}
    rows = {int(name.split(".")[1]) for name in touched}
    return {"columns": sorted(map(int, columns)), "rows": [type(model.model[row]).__name__ for row in sorted(rows)]}


@torch.no_grad()
def _disturb(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if "implicit" in name:  # ImplicitA begins near 0, ImplicitM near 1
            parameter.add_(torch.randn_like(parameter) * 0.3)
        elif name.endswith(".bias"):
            parameter.add_(torch.randn_like(parameter) * 0.2)
        elif parameter.ndim == 1:
            parameter.mul_(torch.rand_like(parameter) + 0.5)
    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for layer in layers:
        layer.momentum = None  # a plain mean over passes
    model.train()
    model(torch.rand(4, 3, SIZE, SIZE) * torch.rand(4, 3, 1, 1))
    for layer in layers:
        layer.momentum = 0.03
        layer.running_mean.add_(torch.randn_like(layer.running_mean) * 0.1)
        layer.running_var.mul_(torch.rand_like(layer.running_var) + 0.5)


@torch.no_grad()
def _shifted(model: nn.Module) -> nn.Module:
    """EMA weights, which are others than the model's."""
    copy = deepcopy(model)
    for parameter in copy.parameters():
        parameter.mul_(1 + 0.05 * torch.randn_like(parameter))
    return copy


def _load(request: Request, file: str) -> Any:
    if request["loader"] is None:  # v8 has none that needs no settings
        content = torch.load(file, map_location="cpu", weights_only=False)
        return (content["ema"] or content["model"]).float().fuse().eval()
    return _class(request["loader"])(file, **request["loader_arguments"])


def _class(dotted: str) -> Any:
    module, _, name = dotted.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    main()
