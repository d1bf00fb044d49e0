"""Official RevCol weights: a file's tensors into a model, strictly or not at all. No code that a file brings is run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

_PREFIX = re.compile(r"^(module\.)?(backbone\.)?")  # DistributedDataParallel's, and that of a detector's checkpoint
_DROPPED = re.compile(r"(cls|cls_blocks|decoder_blocks|neck|[a-z]+_head)\.")  # of the pre-training, or of a detector
_DTYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "I64": torch.int64}


class LoadReport(NamedTuple):
    """Names without prefixes: in the weights and the model, in the weights alone, in the model alone."""

    used: tuple[str, ...]
    dropped: tuple[str, ...]
    missing: tuple[str, ...]


def load_file(model: nn.Module, path: str | Path) -> LoadReport:
    """`load_official` with what `read_weights` reads; every message names the file."""
    try:
        return load_official(model, read_weights(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def load_official(model: nn.Module, state_dict: Mapping[str, Any]) -> LoadReport:
    """Copy weights into a RevCol. Where they do not fit, nothing changes and a ValueError says what they look like."""
    weights, wanted = unwrap(state_dict), model.state_dict()
    fitting = {name: value for name, value in weights.items() if not _DROPPED.match(name)}
    missing = tuple(name for name in wanted if name not in fitting and not name.startswith("supervision."))
    weighed = any(".fusion.weigh." in name for name in fitting)  # ours: a model begins as the paper's sum without them
    wrong = [f"it lacks {name}" for name in missing if weighed or ".fusion.weigh." not in name]
    wrong += [f"it has {name}, which the model has not" for name in fitting if name not in wanted]
    other = [name for name in fitting if name in wanted and fitting[name].shape != wanted[name].shape]
    wrong += [f"it has {name} of {list(fitting[name].shape)}, the model {list(wanted[name].shape)}" for name in other]
    if wrong and _looks(fitting) != _looks(wanted):
        raise ValueError(f"it has {_looks(fitting)}; this model has {_looks(wanted)}")
    if wrong:
        raise ValueError(f"{wrong[0]} (the first of {len(wrong)} differences)")
    model.load_state_dict(fitting, strict=False)
    return LoadReport(tuple(fitting), tuple(name for name in weights if name not in fitting), missing)


def _looks(weights: Mapping[str, Tensor]) -> str:
    widths = {name: value.numel() for name, value in weights.items() if re.match(r"subnet.*\.dwconv\.bias$", name)}
    if not widths:
        return f"no RevCol names (it begins with {', '.join(list(weights)[:3]) or 'no weights at all'})"
    levels = [[widths[name] for name in widths if name.startswith(f"subnet0.level{level}.")] for level in range(4)]
    channels, blocks = [level[0] for level in levels if level], [len(level) for level in levels]
    return f"channels {channels}, blocks {blocks}, {len({name.split('.')[0] for name in widths})} columns"


def unwrap(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """A checkpoint's weights, which may lie under `model` or `state_dict`, by their names without prefixes."""
    inner = content.get("model") or content.get("state_dict")
    items = (inner if isinstance(inner, Mapping) else content).items()
    kept = [(str(name), value) for name, value in items if isinstance(value, Tensor) and value.is_floating_point()]
    return {_PREFIX.sub("", name): value for name, value in kept if value.layout == torch.strided and not value.is_meta}


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The weights in a `.safetensors` file, or in one that torch.save wrote."""
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; the path is relative to the working directory")
    safetensors = path.suffix.lower() == ".safetensors"
    hint = "it may be damaged" if safetensors else "convert it with `yolopatch weights convert FILE OUT` first"
    try:
        return unwrap(_safetensors(path) if safetensors else torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file can raise almost anything
        raise ValueError(f"it cannot be read ({type(error).__name__}); {hint}") from None


def _safetensors(path: Path) -> dict[str, Tensor]:
    size, tensors = path.stat().st_size, {}
    with path.open("rb") as file:
        start = 8 + int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(min(start, size) - 8))
        header.pop("__metadata__", None)
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            begin, end = (start + offset for offset in entry["data_offsets"])
            if begin != file.tell() or end > size:
                raise ValueError(name)
            data = torch.frombuffer(bytearray(file.read(end - begin)), dtype=_DTYPES[entry["dtype"]])
            tensors[name] = data.reshape(entry["shape"])
    return tensors
