"""What the tests ask of a patched tree: run in its root by `python -B in_tree.py REQUEST`, it writes answers as JSON.

The model is built, fed and judged by the probe of `yolopatch verify`, which needs no yolopatch installed.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import random
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import yaml
from torch import Tensor, nn

IMAGES, SIZE, STEPS = 2, 64, 20
INTERSECT = ["utils.general:intersect_dicts", "utils.torch_utils:intersect_dicts"]

Request = dict[str, Any]
State = dict[str, Tensor]


def main() -> None:
    request: Request = json.loads(Path(sys.argv[1]).read_text())
    sys.argv[1:] = []  # upstream modules parse sys.argv at import
    _load_probe(Path(request["probe"]))
    answers = {question.__name__: question(request) for question in (fuse, losses, transfer, weights)}
    (Path(request["scratch"]) / "answers.json").write_text(json.dumps(answers))


@torch.no_grad()
def fuse(request: Request) -> dict[str, Any]:
    """Upstream's fuse() on a model in which all that is folded has values of its own."""
    tree, model = _build(request)
    model.requires_grad_(False)  # as in a finished checkpoint: v7 cannot fuse what wants gradients
    revcol = _revcol(model)
    _disturb(revcol)
    images = _probe("batch").synthetic(IMAGES, SIZE, tree.nc, tree.device).images
    _probe("training").settle(model, images)  # else little of the backbone comes through a new neck
    model.eval()
    before = tree.normalized(tree.predictions(model(images)), SIZE)
    model.fuse()
    after = tree.normalized(tree.predictions(model(images)), SIZE)
    blocks = [name for name, _ in revcol.named_parameters() if ".blocks." in name]
    return {
        "linears": sum(name.endswith(".pwconv2.weight") for name in blocks),
        "unfolded": [name for name in blocks if name.endswith(".gamma") or ".norm." in name],
        "difference": float((after - before).abs().max() / before.abs().max()),
        "is_fused": model.is_fused() if hasattr(model, "is_fused") else True,  # only v8 can tell
    }


def losses(request: Request) -> dict[str, Any]:
    """Training steps on upstream's loss, by the default and with `mode: plain` in the row."""
    found: dict[str, Any] = {}
    states: list[State] = []
    for name, options in (("default", {}), ("plain", {"mode": "plain"})):
        tree, model = _build(request, **options)
        revcol = _revcol(model)
        for module in revcol.modules():
            if hasattr(module, "rate"):
                module.rate = 0.1  # stochastic depth, whose masks have to be the same as well
        found[name] = {
            "losses": _learn(tree, model),
            "mode": revcol.mode,
            "records": len(revcol.memory_report()),
        }
        states.append(model.state_dict())
    found["unequal_weights"] = _unequal(states[0], states[1])
    return found


def transfer(request: Request) -> dict[str, Any]:
    """What of a checkpoint with this head gets into a model with the other, by upstream's code."""
    _, old = _build(request, seed=1)
    _, new = _build({**request, "config": request["other"]}, seed=2)
    checkpoint = deepcopy(old).half()
    taken: State = {}
    own = new.load_state_dict

    def load_state_dict(state: State, **options: Any) -> Any:
        taken.update(state)
        return own(state, **options)

    new.load_state_dict = load_state_dict  # type: ignore[method-assign]
    _load_as_upstream(new, checkpoint)
    prefix = f"model.{_index(new)}."
    backbone = {name: value for name, value in new.state_dict().items() if name.startswith(prefix)}
    return {
        "transferred": len(taken),
        "items": len(new.state_dict()),
        "backbone": len(backbone),
        "left_out": [name for name in backbone if name not in taken],
        "unequal": _unequal(backbone, checkpoint.float().state_dict()),
    }


def weights(request: Request) -> dict[str, Any]:
    """Which of a file's weights do not arrive, where the row names the file."""
    _, model = _build(request)
    state = {name: torch.rand_like(value) for name, value in _revcol(model).state_dict().items()}
    folder = Path(request["scratch"])
    torch.save({"model": state}, folder / "official.pth")
    safetensors.torch.save_file(state, folder / "official.safetensors")
    unequal = {}
    for name in ("", "official.pth", "official.safetensors"):
        # As users write it: relative to the folder that training is started in.
        _, model = _build(request, weights=os.path.relpath(folder / name) if name else "")
        unequal[name] = _unequal(_revcol(model).state_dict(), state)
    return {"items": len(state), "unequal": unequal}


def _build(request: Request, seed: int = 0, **options: Any) -> tuple[Any, nn.Module]:
    """The probe's tree and upstream's model, with further options in RevCol's row."""
    config = yaml.safe_load(Path(request["config"]).read_text())
    (row,) = [row for row in config["backbone"] if row[2] == "RevCol"]
    row[3][3:] = [{**(row[3][3] if row[3][3:] else {}), **options}]
    file = Path(request["scratch"]) / "model.yaml"
    file.write_text(yaml.safe_dump(config))
    random.seed(seed)
    torch.manual_seed(seed)
    tree = _probe("tree").Tree({**request, "config": str(file)})
    return tree, tree.build()


def _learn(tree: Any, model: nn.Module) -> list[float]:
    batch = _probe("batch").synthetic(IMAGES, SIZE, tree.nc, tree.device)
    loss_of = tree.loss(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.002, momentum=0.9, nesterov=True)
    found = []
    torch.manual_seed(5)
    for _ in range(STEPS):
        loss = loss_of(batch)
        found.append(float(loss.detach()))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimizer.step()
    return found


def _load_as_upstream(model: Any, checkpoint: nn.Module) -> None:
    """As the training scripts do with `--weights`; v8's model has a method for it."""
    if hasattr(model, "load"):
        model.load(checkpoint)
        return
    state = checkpoint.float().state_dict()
    model.load_state_dict(_probe("names").find(INTERSECT)(state, model.state_dict(), exclude=["anchor"]), strict=False)


def _disturb(revcol: nn.Module) -> None:
    for name, parameter in revcol.named_parameters():
        if name.endswith(".gamma") or (".norm." in name and name.endswith(".weight")):
            parameter.uniform_(0.5, 1.5)
        elif ".norm." in name:
            parameter.normal_(0.0, 0.1)
        elif ".alpha" in name:
            parameter[:, ::2] *= 1e-6  # where the alpha that takes effect is another


def _unequal(state: State, other: State) -> list[str]:
    return [name for name, value in state.items() if not torch.equal(value, other[name])]


def _index(model: Any) -> int:
    (index,) = [index for index, row in enumerate(model.model) if type(row).__name__ == "RevCol"]
    return index


def _revcol(model: Any) -> Any:
    return model.model[_index(model)]


def _load_probe(folder: Path) -> None:
    """The probe's package, as its own __main__ loads it."""
    sys.path.pop(0)  # this folder
    spec = importlib.util.spec_from_file_location("probe_main", folder / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module._load_package()


def _probe(name: str) -> Any:
    return importlib.import_module(f"yolopatch_probe.{name}")


if __name__ == "__main__":
    main()
