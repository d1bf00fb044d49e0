"""Convert a trained checkpoint to one for inference, and prove that it gives the same predictions."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .batch import synthetic
from .channel import Channel, CheckError
from .deploy_yaml import for_inference, lead_only
from .names import find
from .tree import Tree

SIZE = 160  # an odd number of cells at stride 32
TOLERANCE = 1e-4
_ROW = re.compile(r"model\.(\d+)\.(.+)")

State = dict[str, Tensor]


class RefusedError(Exception):
    """The checkpoint is not one that can be converted; the message says why."""


def deploy(request: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Convert `request["weights"]` to `request["result"]`.

    The difference is max |after - before| over the decoded predictions of a random picture, boxes in units of
    its side. `before` is the checkpoint as upstream's own loader takes it, `after` the file that was written.

    Returns:
        Facts about both, or {"refused": why}.

    Raises:
        CheckError: weights are left over or missing, or the predictions differ by more than the tolerance.
    """
    try:
        return _deploy(request, channel)
    except RefusedError as error:
        return {"refused": str(error)}


def _deploy(request: dict[str, Any], channel: Channel) -> dict[str, Any]:
    channel.progress("reading the checkpoint", 0, 4)
    checkpoint = _read(request)
    trained = checkpoint["model"].float().eval()
    form = _form(trained, request)
    conversion = form["conversion"]
    channel.progress("converting", 1, 4)
    target = request["forms"][conversion["to"]] if conversion else form
    model, folded = _converted(trained, target["detector"], request, conversion) if conversion else _stripped(trained)
    channel.progress("writing", 2, 4)
    result = Path(request["result"])
    torch.save({**checkpoint, "model": _half(model, folded)}, result)
    channel.progress("comparing predictions", 3, 4)
    difference = _difference(trained, form, result, target, request)
    return {
        "form": form["name"],
        "deployed_form": target["name"],
        "head": form["detector"],
        "deployed_head": target["detector"],
        "rows": len(_modules(trained)),
        "deployed_rows": len(_modules(model)),
        "parameters": _count(trained),
        "deployed_parameters": _count(model),
        "max_difference": difference,
        "tolerance": TOLERANCE,
        "imgsz": SIZE,
    }


def _read(request: dict[str, Any]) -> dict[str, Any]:
    """The checkpoint as upstream's `strip_optimizer` leaves it: EMA weights as the model, half precision."""
    weights = request["weights"]
    try:
        content = torch.load(weights, map_location="cpu", weights_only=False)
    except OSError:
        raise
    except Exception as error:  # a damaged file, or one of another YOLO, can raise almost anything
        raise RefusedError(f"it cannot be read by this workspace's code: {_line(error)}") from None
    model = (content.get("ema") or content.get("model")) if isinstance(content, dict) else None
    if not isinstance(model, nn.Module) or not isinstance(getattr(model, "yaml", None), dict):
        raise RefusedError("it is no training checkpoint of this YOLO (no model with its YAML in it)")
    stripped = Path(request["scratch"]) / "stripped.pt"
    find(request["strip"])(weights, str(stripped))
    found: dict[str, Any] = torch.load(stripped, map_location="cpu", weights_only=False)
    stripped.unlink()
    return found


def _form(model: nn.Module, request: dict[str, Any]) -> dict[str, Any]:
    """The form whose head the model has."""
    head = type(_modules(model)[-1]).__name__
    wanted = request["form"]
    forms: dict[str, dict[str, Any]] = request["forms"]
    found = [form for form in forms.values() if form["detector"] == head]
    if not found:
        raise RefusedError(f"its head is {head}; deploy knows {', '.join(form['detector'] for form in forms.values())}")
    if wanted is not None and found[0]["name"] != wanted:
        raise RefusedError(f"its head is {head}, so it was trained as form {found[0]['name']}, not as {wanted}")
    return found[0]


def _stripped(trained: nn.Module) -> tuple[nn.Module, list[str]]:
    """The same model without what RevCol has for training alone; nothing of it is folded."""
    model: Any = deepcopy(trained)
    for module in model.modules():
        if _is_revcol(module) and hasattr(module, "strip"):  # a tree from before supervision has none
            module.strip()
    model.yaml = for_inference(model.yaml)
    return model, []


def _converted(
    trained: Any, detector: str, request: dict[str, Any], conversion: dict[str, Any]
) -> tuple[nn.Module, list[str]]:
    """A model with another head, built by upstream's parser, and the names of what was folded."""
    try:
        config, kept = lead_only(trained.yaml, conversion["inputs"], detector)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    part = request["spec"]["model"]
    model: Any = find(part["class"])(deepcopy(config), nc=config["nc"], **part["arguments"]).float().eval()
    if model.stride.tolist() != trained.stride.tolist():
        raise CheckError(f"the strides become {model.stride.tolist()}, they were {trained.stride.tolist()}")
    state, folded = _moved(trained, kept, conversion)
    _load(model, state)
    for name, value in vars(trained).items():  # names, hyp and whatever else training scripts set
        if not name.startswith("_") and name not in {"model", "yaml", "save", "stride", "training"}:
            setattr(model, name, value)
    return model.requires_grad_(False), folded


def _moved(trained: nn.Module, kept: list[int], conversion: dict[str, Any]) -> tuple[State, list[str]]:
    """The weights under their new names, with what is implicit folded, and the names of the folded ones."""
    old = trained.state_dict()
    head = len(_modules(trained)) - 1
    training_only = {*conversion["drop"]}
    training_only |= {part[key] for part in conversion["implicit"].values() for key in ("add", "multiply")}
    state: State = {}
    folded: list[str] = []
    for name, value in old.items():
        found = _ROW.fullmatch(name)
        if found is None:
            raise CheckError(f"the model has weights outside of its rows: {name}")
        row, rest = int(found[1]), found[2]
        if row not in kept or (rest.startswith("supervision.") and _is_revcol(_modules(trained)[row])):
            continue
        if row == head:
            module, _, tail = rest.partition(".")
            if module in training_only:
                continue
            if module in conversion["implicit"]:
                value = _folded(old, f"model.{row}.", rest, conversion["implicit"][module])
                folded.append(f"model.{kept.index(row)}.{rest}")
            rest = f"{conversion['modules'].get(module, module)}{'.' if tail else ''}{tail}"
        state[f"model.{kept.index(row)}.{rest}"] = value
    return state, folded


def _folded(state: State, prefix: str, name: str, implicit: dict[str, str]) -> Tensor:
    """A 1x1 convolution's weight or bias that takes in what is added before and multiplied after: m (W (x + a) + b)."""
    index, kind = name.split(".")[1:]
    layer = prefix + name.removesuffix(f".{kind}")
    factor = state[f"{prefix}{implicit['multiply']}.{index}.implicit"].double().flatten()
    weight = state[f"{layer}.weight"].double()
    if kind == "weight":
        return (weight * factor[:, None, None, None]).float()
    added = state[f"{prefix}{implicit['add']}.{index}.implicit"].double().flatten()
    return (factor * (state[f"{layer}.bias"].double() + weight.flatten(1) @ added)).float()


def _load(model: nn.Module, state: State) -> None:
    wanted = model.state_dict()
    for name in (*wanted, *state):
        if name not in state or name not in wanted:
            raise CheckError(f"{name} is {'missing in' if name not in state else 'left over from'} the checkpoint")
        if state[name].shape != wanted[name].shape:
            raise CheckError(f"{name} has shape {tuple(state[name].shape)}, expected {tuple(wanted[name].shape)}")
    model.load_state_dict(state)


def _half(model: nn.Module, folded: list[str]) -> nn.Module:
    """Half precision as upstream's checkpoints have it; what was folded stays whole.

    The other weights were half already. Products of two of them are not, and rounding them
    would move predictions by more than the tolerance. Upstream's loaders make all of it float.
    """
    whole = {name: value for name, value in model.state_dict().items() if name in folded}
    half = deepcopy(model).half()
    for name, parameter in half.named_parameters():
        if name in whole:
            parameter.data = whole[name]
    return half


def _difference(
    trained: nn.Module, form: dict[str, Any], result: Path, target: dict[str, Any], request: dict[str, Any]
) -> float:
    after: nn.Module = torch.load(result, map_location="cpu", weights_only=False)["model"].float().eval()
    trees = [Tree({**request, "spec": {**request["spec"], "decoded": one["decoded"]}}) for one in (form, target)]
    images = synthetic(1, SIZE, 1, torch.device("cpu"), seed=1).images
    with torch.no_grad():
        found = [
            tree.normalized(tree.predictions(model(images.clone())), SIZE)
            for tree, model in zip(trees, (trained, after), strict=True)
        ]
    if found[0].shape != found[1].shape:
        raise CheckError(f"the predictions have shape {tuple(found[1].shape)}, before {tuple(found[0].shape)}")
    difference = float((found[1] - found[0]).abs().max())
    if not difference <= TOLERANCE:
        raise CheckError(f"predictions before and after differ by {difference:.2e}, more than {TOLERANCE:.0e}")
    return difference


def _modules(model: Any) -> list[nn.Module]:
    return list(model.model)


def _is_revcol(module: nn.Module) -> bool:
    return type(module).__name__ == "RevCol"


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def _line(error: BaseException) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= 200 else f"{text[:197]}..."
