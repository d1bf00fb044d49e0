"""Upstream's model, built by upstream's parser and dressed as its training script dresses it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from .batch import Batch
from .channel import CheckError
from .names import find


class Tree:
    """One request: how to build, call and judge the model. The current folder is the tree."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.spec: dict[str, Any] = request["spec"]
        self.config: str = request["config"]
        self.nc: int = request["nc"]
        self.strides: list[int] = request["strides"]
        self.device = torch.device(request["device"])
        self.scratch = Path(request["scratch"])
        self.decoded: dict[str, Any] = self.spec["decoded"]

    def build(self) -> nn.Module:
        """A new model with the attributes that training needs, on the device, in training mode."""
        part = self.spec["model"]
        model: nn.Module = find(part["class"])(self.config, nc=self.nc, **part["arguments"])
        for name, attribute in self.spec["attributes"].items():
            setattr(model, name, self._attribute(attribute))
        return model.to(self.device).train()

    def loss(self, model: nn.Module) -> Callable[[Batch], Tensor]:
        """Upstream's loss of a batch, as its training script has it: forward and criterion, a scalar with its graph."""
        loss, supervise = self._upstream_loss(model), self._supervise()
        if supervise is None:
            return loss
        return lambda batch: supervise(model, loss(batch), batch.targets)

    def _supervise(self) -> Callable[..., Tensor] | None:
        name = self.spec["supervise"]
        if name is None:
            return None
        try:
            found: Callable[..., Tensor] = find([name])
        except CheckError:
            return None  # a stock tree
        return found

    def _upstream_loss(self, model: nn.Module) -> Callable[[Batch], Tensor]:
        for part in self.spec["loss"]:
            if part["method"] is not None and hasattr(model, part["method"]):
                return self._call(model, part["arguments"], getattr(model, part["method"]))
            if part["class"] is not None:
                try:
                    criterion = find([part["class"]])(model)
                except CheckError:
                    continue
                return self._call(model, part["arguments"], criterion)
        raise CheckError(
            "this tree has no loss for this form: " + ", ".join(str(p["class"]) for p in self.spec["loss"])
        )

    def predictions(self, output: Any) -> Tensor:
        """The decoded predictions among what the model returned in eval mode."""
        for place in self.decoded["path"]:
            if isinstance(output, Tensor):
                break
            if isinstance(output, dict) and place not in output:
                raise CheckError(f"the output has no '{place}', only {', '.join(map(str, output))}")
            output = output[place]
        if not isinstance(output, Tensor):
            raise CheckError(f"expected decoded predictions at {self.decoded['path']}, found {type(output).__name__}")
        return output

    def expected_shape(self, batch: int, height: int, width: int) -> tuple[int, int, int]:
        """The shape of the decoded predictions for an image size that all strides divide."""
        cells = sum((height // stride) * (width // stride) for stride in self.strides)
        rows, values = cells * self.decoded["per_cell"], self.decoded["values"] + self.nc
        return (batch, values, rows) if self.decoded["layout"] == "columns" else (batch, rows, values)

    def normalized(self, predictions: Tensor, size: int) -> Tensor:
        """Predictions of a square image with the boxes in units of its side."""
        rows = predictions.transpose(1, 2) if self.decoded["layout"] == "columns" else predictions
        return torch.cat((rows[..., :4] / size, rows[..., 4:]), -1)

    def _call(self, model: nn.Module, arguments: list[str], criterion: Callable[..., Any]) -> Callable[[Batch], Tensor]:
        def loss(batch: Batch) -> Tensor:
            values: dict[str, Any] = {"images": batch.images, "targets": batch.targets, "batch": batch.as_dict()}
            if "predictions" in arguments:
                values["predictions"] = model(batch.images)
            result = criterion(*(values[name] for name in arguments))
            total: Tensor = result[0] if isinstance(result, (tuple, list)) else result
            return total.sum()  # newer v8 gives one value per part

        return loss

    def _attribute(self, attribute: dict[str, Any]) -> Any:
        if attribute["object"] is not None:
            return copy.copy(find(attribute["object"]))
        if attribute["value"] is not None:
            return attribute["value"]
        sources: dict[str, Callable[[], Any]] = {
            "hyp": self._hyp,
            "nc": lambda: self.nc,
            "names": lambda: {index: str(index) for index in range(self.nc)},
        }
        return sources[attribute["source"]]()

    def _hyp(self) -> dict[str, Any]:
        part = self.spec["hyp"]
        for name in part["files"]:
            if Path(name).is_file():
                values = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
                return {**part["values"], **values}
        raise CheckError(f"this tree has none of {', '.join(part['files'])}")


def tensors(value: Any) -> Iterator[Tensor]:
    """All tensors of nested lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors(item)
