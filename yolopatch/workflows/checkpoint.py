"""What is in a checkpoint: its weights, read without running its code, and the RevCol that they are of."""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from yolopatch.payload.revcol import RevCol, load_official
from yolopatch.payload.revcol.settings import LEVELS, Settings
from yolopatch.payload.revcol.weights import LoadReport, read_weights, unwrap

SHAPE = ("channels", "blocks", "columns", "in_channels", "kernel_size", "stem", "deep_up")
"""The settings that decide which variant weights are of."""
_OPTIONS = (*SHAPE[3:], "layer_scale")
_OTHERS = ((r"(model\.)+\d+\.", "a YOLO checkpoint"), (r"(downsample_layers|stages)\.\d", "a ConvNeXt"))


def _stand_in(module: str, name: str) -> type:
    """A class that a pickle finds under a foreign name, and that gives an empty OrderedDict whatever it is called with.

    torch fills an OrderedDict with plain data, which it does not do for other mappings.
    """
    return type(name, (), {"__module__": module, "__new__": lambda cls, *args: OrderedDict()})


# What the official training script pickles beside the weights: its settings and, by an oversight, the function input.
_STAND_INS = [_stand_in("yacs.config", "CfgNode"), _stand_in("builtins", "input"), _stand_in("argparse", "Namespace")]


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """The weights in a file, by their names without prefixes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, holds no weights, or needs foreign code; one line that says so.
    """
    if path.suffix.lower() == ".safetensors" or not path.is_file():
        weights = read_weights(path)
    else:
        content = _load(path)
        weights = unwrap(content) if isinstance(content, Mapping) else {}
    if not weights:
        raise ValueError("it holds no tensors, neither at its top nor under 'model' or 'state_dict'")
    return weights


def infer_settings(weights: Mapping[str, Tensor]) -> Settings:
    """What a RevCol is like, from the names and shapes of its parameters.

    Raises:
        ValueError: they are not a RevCol's; one line that says what they look like instead.
    """
    if not any(name.startswith("subnet0.") for name in weights):
        others = [what for names, what in _OTHERS if any(re.match(names, name) for name in weights)]
        looks = f"it looks like {others[0]}" if others else f"it begins with {', '.join(list(weights)[:3])}"
        raise ValueError(f"it has no RevCol names (stem., subnet0., ...); {looks}")
    names = [f"subnet0.level{level}.blocks.0.dwconv.weight" for level in range(LEVELS)]
    absent = [name for name in (*names, "stem.0.weight") if name not in weights or weights[name].ndim != 4]
    if absent:
        raise ValueError(f"it has RevCol's names, but no convolution called {absent[0]}; it may be damaged")
    block = r"subnet0\.level{}\.blocks\.(\d+)\."
    options: dict[str, Any] = {
        "in_channels": weights["stem.0.weight"].shape[1],
        "kernel_size": weights[names[0]].shape[3],
        "stem": "overlap" if "stem.3.weight" in weights else "patch",
        "deep_up": any(".fusion.up2." in name for name in weights),
        "layer_scale": 1e-6 if "subnet0.level0.blocks.0.gamma" in weights else 0.0,
    }
    return Settings.of(
        [weights[name].shape[0] for name in names],
        [_count(block.format(level), weights) for level in range(LEVELS)],
        _count(r"subnet(\d+)\.", weights),
        options,
    )


def describe(settings: Settings) -> str:
    """The numbers that decide which weights fit, and those of the options that differ from their defaults."""
    usual = Settings(settings.channels, settings.blocks, settings.columns)
    text = f"channels {list(settings.channels)}, blocks {list(settings.blocks)}, {settings.columns} columns"
    for name in _OPTIONS:
        value = getattr(settings, name)
        text += f", {name} {value}" if value != getattr(usual, name) else ""
    return text


def match(settings: Settings, weights: Mapping[str, Tensor]) -> LoadReport:
    """Compare weights with the RevCol of these settings, which takes no memory: the largest has 2 billion parameters.

    Raises:
        ValueError: names or shapes differ.
    """
    options = {name: getattr(settings, name) for name in _OPTIONS}
    with torch.device("meta"):
        model = RevCol(settings.channels, settings.blocks, settings.columns, options)
    with warnings.catch_warnings():  # torch warns that a copy to meta copies nothing, which is meant
        warnings.simplefilter("ignore")
        return load_official(model, weights)


def _load(path: Path) -> object:
    stand_ins = getattr(torch.serialization, "safe_globals", None)  # torch 2.5
    with stand_ins(_STAND_INS) if stand_ins else nullcontext():
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # a damaged file can raise almost anything
            raise ValueError(_refusal(str(error))) from None


def _refusal(reason: str) -> str:
    foreign = re.search(r"(?:GLOBAL|Unsupported class) `?([\w.]+)", reason)
    if foreign is None:
        told = " ".join(reason.rpartition("WeightsUnpickler error:")[2].split())[:100]
        return f"it is damaged, or torch.save did not write it ({told or 'it ends too early'})"
    name = foreign[1]
    if name.startswith(("models.", "ultralytics.")):
        return f"it holds a pickled {name}: it looks like a YOLO checkpoint, not like official RevCol weights"
    return (
        f"it holds a pickled {name}, which is not loaded, since that can run any code; where you trust the file, save "
        "its weights alone: torch.save({'model': torch.load(FILE, weights_only=False)['model']}, 'weights.pth')"
    )


def _count(pattern: str, names: Mapping[str, Tensor]) -> int:
    return len({found[1] for name in names if (found := re.match(pattern, name))})
