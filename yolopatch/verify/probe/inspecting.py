"""Run a model on pictures, and write down what each row, column and level gives."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .channel import Channel, CheckError
from .tree import Tree, tensors

BATCH = 8
FINEST = 4  # pixels: a finer feature is averaged to cells of this side

Found = dict[str, Any]


class RefusedError(Exception):
    """The checkpoint is not one of this tree; the message says why."""


def inspect(request: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Look into the model of `request`.

    The request names `weights` (or None: random ones, of `seed`), `imgsz`, `images` (uint8, (N, S, S, 3), RGB),
    `blocks` (integers (B, 3): picture, row, column of squares of `block` pixels), `look` (one picture (S, S, 3))
    and the folder `features`. Any of the three files may be None.

    Writes `<number>.npy`, float32 (B, k, k, C), the feature in each block, k cells a side, and `map-<number>.npy`,
    float32 (h, w), the root mean square over channels of the feature of `look` about its mean over places.

    Returns:
        `trained`, `classes`, `parameters`, `rows`, `revcol` (None in a stock model), `features`, `left_out` (features
        whose cells do not divide a block); or {"refused": why}.
    """
    try:
        return _inspect(request, channel)
    except RefusedError as error:
        return {"refused": str(error)}


def _inspect(request: dict[str, Any], channel: Channel) -> dict[str, Any]:
    channel.progress("building the model", 0, 1)
    model = _model(request).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    device = torch.device(request["device"])
    parts = _parts(model)
    shapes = _shapes(model, parts, request["imgsz"], device)
    features, left_out = _that_fit(_features(parts, shapes, _backbone(model)), request["block"])
    if request["images"]:
        _gather(model, parts, features, request, channel)
    if request["look"]:
        _maps(model, parts, features, request, device)
    return {
        "trained": request["weights"] is not None,
        "classes": _classes(model),
        "parameters": _count(model),
        "rows": [_row(model, number, shapes[f"row{number}"], request["imgsz"]) for number in range(len(_rows(model)))],
        "revcol": _revcol(model),
        "features": [{name: one[name] for name in one if name not in ("part", "cell")} for one in features],
        "left_out": [{name: one[name] for name in ("name", "stride")} for one in left_out],
    }


def _model(request: dict[str, Any]) -> nn.Module:
    tree = Tree(request)
    if request["weights"] is None:
        torch.manual_seed(request["seed"])
        return tree.build()
    try:
        content = torch.load(request["weights"], map_location="cpu", weights_only=False)
    except OSError:
        raise
    except Exception as error:  # a damaged file, or one of another YOLO, can raise almost anything
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise RefusedError(f"it cannot be read by this workspace's code: {text[:200]}") from None
    model = (content.get("ema") or content.get("model")) if isinstance(content, dict) else None
    if not isinstance(model, nn.Module) or not hasattr(model, "model"):
        raise RefusedError("it is no training checkpoint of this YOLO (no model of upstream's in it)")
    return model.float().to(request["device"])


def _parts(model: nn.Module) -> dict[str, nn.Module]:
    """The modules to listen to, by name: every row, and in RevCol the stem and each column."""
    found = {f"row{number}": row for number, row in enumerate(_rows(model))}
    revcol = next((row for row in _rows(model) if _is_revcol(row)), None)
    if revcol is not None:
        found["stem"] = revcol.get_submodule("stem")
        found |= {f"column{one}": revcol.get_submodule(f"subnet{one - 1}") for one in _columns(revcol)}
    return found


def _columns(revcol: Any) -> range:
    return range(1, int(revcol.settings.columns) + 1)


@contextlib.contextmanager
def _listening(parts: dict[str, nn.Module], heard: Callable[[str, Any], None]) -> Iterator[None]:
    """Tell `heard` what each part gives, as long as the block runs. In eval mode RevCol runs column by column."""

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def listen(_module: nn.Module, _inputs: Any, output: Any) -> None:
            heard(name, output)

        return listen

    handles = [part.register_forward_hook(hook(name)) for name, part in parts.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _shapes(model: nn.Module, parts: dict[str, nn.Module], size: int, device: torch.device) -> dict[str, Any]:
    """What each part gives for one picture: lists of [C, H, W]."""
    shapes: dict[str, Any] = {}

    def heard(name: str, output: Any) -> None:
        shapes[name] = [list(tensor.shape[1:]) for tensor in tensors(output) if tensor.ndim == 4]

    with torch.no_grad(), _listening(parts, heard):
        model(torch.zeros(1, 3, size, size, device=device))
    silent = [name for name in parts if name not in shapes]
    if silent:
        raise CheckError(f"{silent[0]} of the model did not run; its forward is not the one that is known")
    shapes["size"] = size
    return shapes


def _features(parts: dict[str, nn.Module], shapes: dict[str, Any], backbone: int) -> list[Found]:
    """The features of the backbone in the order in which they are computed."""
    size = shapes["size"]
    if "stem" in parts:
        found = [_feature("stem", "stem", 0, None, shapes["stem"][0], size)]
        for name in (one for one in parts if one.startswith("column")):
            column = int(name.removeprefix("column"))
            for level, shape in enumerate(shapes[name]):
                found.append(_feature(name, f"c{column} l{level}", column, level, shape, size))
        return [{"number": number, **one} for number, one in enumerate(found)]
    found = []
    for number in range(backbone):
        name = f"row{number}"
        if len(shapes[name]) == 1:  # a row that gives a list gives nothing new
            kind = _kind(parts[name])
            found.append({**_feature(name, f"{number} {kind}", number, None, shapes[name][0], size), "row": number})
    return [{"number": number, **one} for number, one in enumerate(found)]


def _that_fit(features: list[Found], block: int) -> tuple[list[Found], list[Found]]:
    fit = [one for one in features if block % one["cell"] == 0]
    return fit, [one for one in features if one not in fit]


def _feature(part: str, name: str, depth: int, level: int | None, shape: Sequence[int], size: int) -> Found:
    channels, height, _ = shape
    stride = size / height
    whole = int(stride) if stride == int(stride) else 0
    return {
        "part": part,
        "name": name,
        "depth": depth,
        "level": level,
        "row": None,
        "channels": channels,
        "stride": stride,
        "cell": max(whole, FINEST) if whole else size,  # no whole number: no cells, and it is left out
    }


def _gather(
    model: nn.Module, parts: dict[str, nn.Module], features: list[Found], request: dict[str, Any], channel: Channel
) -> None:
    images = np.load(request["images"], mmap_mode="r")
    blocks = np.load(request["blocks"])
    place = Path(request["features"])
    files = [_file(place, one, len(blocks), request["block"]) for one in features]
    heard: dict[str, Any] = {}
    with torch.no_grad(), _listening(_wanted(parts, features), heard.__setitem__):
        for start in range(0, len(images), BATCH):
            channel.progress(f"pictures {start} of {len(images)}", start, len(images))
            batch = np.array(images[start : start + BATCH])
            model(_input(batch, torch.device(request["device"])))
            chosen = np.flatnonzero((blocks[:, 0] >= start) & (blocks[:, 0] < start + len(batch)))
            for one, file in zip(features, files, strict=True):
                file[chosen] = _cells(_of(heard, one), one, blocks[chosen], start, request["block"])
            heard.clear()
    for file in files:
        file.flush()


def _file(place: Path, feature: Found, blocks: int, block: int) -> Any:
    side = block // feature["cell"]
    shape = (blocks, side, side, feature["channels"])
    path = place / f"{feature['number']}.npy"
    return np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)


def _cells(feature: Tensor, one: Found, blocks: Any, start: int, block: int) -> Any:
    """(n, k, k, C): the cells of each block."""
    if one["stride"] < one["cell"]:
        feature = functional.avg_pool2d(feature, int(one["cell"] / one["stride"]))
    side = block // one["cell"]
    count, channels, height, width = feature.shape
    tiles = feature.reshape(count, channels, height // side, side, width // side, side).permute(0, 2, 4, 3, 5, 1)
    where = torch.as_tensor(np.array(blocks), device=feature.device)
    return tiles[where[:, 0] - start, where[:, 1], where[:, 2]].float().cpu().numpy()


def _maps(
    model: nn.Module, parts: dict[str, nn.Module], features: list[Found], request: dict[str, Any], device: torch.device
) -> None:
    heard: dict[str, Any] = {}
    with torch.no_grad(), _listening(_wanted(parts, features), heard.__setitem__):
        model(_input(np.load(request["look"])[None], device))
    for one in features:
        feature = _of(heard, one)[0].float()
        stands_out = (feature - feature.mean((1, 2), keepdim=True)).square().mean(0).sqrt()
        np.save(Path(request["features"]) / f"map-{one['number']}.npy", stands_out.cpu().numpy())


def _wanted(parts: dict[str, nn.Module], features: list[Found]) -> dict[str, nn.Module]:
    return {one["part"]: parts[one["part"]] for one in features}


def _of(heard: dict[str, Any], one: Found) -> Tensor:
    output = heard[one["part"]]
    found: Tensor = output if isinstance(output, Tensor) else list(tensors(output))[one["level"] or 0]
    return found


def _input(images: Any, device: torch.device) -> Tensor:
    """(N, H, W, 3) of 0 to 255 as upstream's loaders give it: (N, 3, H, W) of 0 to 1."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).contiguous().float() / 255


def _row(model: nn.Module, number: int, shapes: list[list[int]], size: int) -> Found:
    row = _rows(model)[number]
    source = getattr(row, "f", -1)
    inputs = [one if one >= 0 else number + one for one in (source if isinstance(source, list) else [source])]
    outputs = [{"channels": shape[0], "stride": size / shape[1]} for shape in shapes]
    last = number == len(_rows(model)) - 1
    return {
        "number": number,
        "kind": _kind(row),
        "inputs": inputs,
        "part": "head" if last else "backbone" if number < _backbone(model) else "neck",
        "parameters": _count(row),
        "outputs": [] if last else outputs,
        "level": getattr(row, "index", None) if _kind(row) == "PickLevel" else None,
        "strides": torch.as_tensor(getattr(model, "stride", [])).flatten().tolist() if last else None,
    }


def _revcol(model: nn.Module) -> Found | None:
    for number, row in enumerate(_rows(model)):
        if _is_revcol(row):
            settings: Any = row.settings
            names = ("channels", "blocks", "columns", "stem", "aux_columns")
            found = {name: getattr(settings, name) for name in names}
            plain = {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}
            return {
                "row": number,
                **plain,
                "fusion": str(getattr(settings, "fusion", "sum")),
                "deep_up": bool(getattr(settings, "deep_up", False)),
                "parameters": [_count(row.get_submodule(f"subnet{one - 1}")) for one in _columns(row)],
                "stem_parameters": _count(row.get_submodule("stem")),
            }
    return None


def _rows(model: Any) -> list[nn.Module]:
    return list(model.model)


def _backbone(model: Any) -> int:
    """The number of rows that are the backbone; all but the head where the model has no YAML."""
    config = getattr(model, "yaml", None)
    if isinstance(config, dict) and "backbone" in config:
        return len(config["backbone"])
    return len(_rows(model)) - 1


def _kind(row: nn.Module) -> str:
    kind = getattr(row, "type", None)  # set by upstream's parser; torch has a method of that name
    return (kind if isinstance(kind, str) else type(row).__name__).rpartition(".")[2]


def _classes(model: Any) -> int | None:
    number = getattr(model, "nc", None) or len(getattr(model, "names", ()) or ())
    return int(number) if number else None


def _is_revcol(module: nn.Module) -> bool:
    return type(module).__name__ == "RevCol"


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
