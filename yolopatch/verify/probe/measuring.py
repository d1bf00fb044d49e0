"""One model of a tree, and the orders that measure it. Times are in seconds, memory in bytes."""

from __future__ import annotations

import gc
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from . import describing
from .batch import synthetic
from .channel import Channel, CheckError, MissingPackageError
from .exporting import export_file, save_checkpoint
from .meters import meter
from .tree import Tree

_SMALL = 128  # a step on this loads whatever upstream's loss imports
_MOST = 50  # runs of one turn
_SLOW = 1.0  # seconds; of runs that take longer one is warm-up enough


class Subject:
    """One model, built when an order first needs it, and again where an order needs it in another state."""

    def __init__(self, request: dict[str, Any], channel: Channel) -> None:
        self._tree = Tree({**request, "config": _with_columns(request)})
        self._channel = channel
        self._state = ""
        self._model: nn.Module | None = None
        self._onnx: Any = None
        self.orders: dict[str, Callable[..., dict[str, Any]]] = {
            "static": self.static,
            "forward": self.forward,
            "step": self.step,
            "memory": self.memory,
            "export": self.export,
            "onnx": self.onnx,
        }

    def static(self, sizes: list[int]) -> dict[str, Any]:
        """Parameters, operations at each image size, rows, the size of a checkpoint, and the machine."""
        model = self._get("build")
        operations = {size: describing.operations(model, size, self._tree.device) for size in sizes}
        weights, _ = save_checkpoint(self._tree, model)
        bytes_ = weights.stat().st_size
        weights.unlink()
        return {
            "machine": describing.machine(self._tree.device),
            "parameters": describing.parameters(model),
            "counted": {size: by_name for size, (by_name, _) in operations.items()},
            "counted_parts": {size: by_part for size, (_, by_part) in operations.items()},
            "rows": describing.graph(model),
            "reversible": bool(describing.revcols(model)),
            "file_bytes": bytes_,
        }

    def forward(self, size: int, batch: int, warmup: int, seconds: float) -> dict[str, Any]:
        """One turn of forwards in eval mode, after upstream's own `fuse()`, no gradients."""
        model = self._get("eval")
        images = synthetic(batch, size, self._tree.nc, self._tree.device).images
        with torch.no_grad():
            return {"seconds": self._timed(lambda: model(images), warmup, seconds)}

    def step(self, size: int, batch: int, mode: str, warmup: int, seconds: float) -> dict[str, Any]:
        """One turn of training steps: forward, upstream's loss, backward; no optimizer, no data loader."""
        return {"seconds": self._timed(self._step(mode, size, batch), warmup, seconds)}

    def memory(self, size: int, batch: int, mode: str) -> dict[str, Any]:
        """The peak of two training steps above what the built model takes; for a process that does nothing else."""
        self._step(mode, min(size, _SMALL), batch)()
        gc.collect()
        gauge = meter(self._tree.device)
        before = gauge.used()
        gauge.reset()
        step = self._step(mode, size, batch)
        for _ in range(2):
            step()
        return {"bytes": max(gauge.peak() - before, 0), "meter": gauge.what}

    def export(self, size: int) -> dict[str, Any]:
        """Upstream's own export to ONNX."""
        for module in ("onnx", "onnxruntime"):
            if importlib.util.find_spec(module) is None:
                raise MissingPackageError(module)
        weights, _ = save_checkpoint(self._tree, self._get("build"))
        started = time.perf_counter()
        exported = export_file(self._tree, weights, size)
        taken = time.perf_counter() - started
        self._onnx = _onnx_session(exported)
        return {"bytes": exported.stat().st_size, "seconds": taken}

    def onnx(self, size: int, warmup: int, seconds: float) -> dict[str, Any]:
        """One turn of onnxruntime on the CPU, with as many threads as torch has; batch 1."""
        if self._onnx is None:
            raise CheckError("nothing was exported")
        self._drop()
        images = synthetic(1, size, self._tree.nc, torch.device("cpu")).images.numpy()
        feed = {self._onnx.get_inputs()[0].name: images}
        return {"seconds": self._timed(lambda: self._onnx.run(None, feed), warmup, seconds)}

    def _step(self, mode: str, size: int, batch: int) -> Callable[[], None]:
        model = self._get("train")
        for module in describing.revcols(model):
            module.mode = mode
        data = synthetic(batch, size, self._tree.nc, self._tree.device)
        loss = self._tree.loss(model)

        def step() -> None:
            torch.autograd.backward(loss(data))
            model.zero_grad(set_to_none=True)

        return step

    def _timed(self, run: Callable[[], Any], warmup: int, seconds: float) -> list[float]:
        """What each run took: one at least, and more until `seconds` are over."""
        for _ in range(warmup):
            started = time.perf_counter()
            run()
            self._wait()
            if time.perf_counter() - started > _SLOW:
                break
        times: list[float] = []
        while not times or (sum(times) < seconds and len(times) < _MOST):
            self._wait()
            started = time.perf_counter()
            run()
            self._wait()
            times.append(time.perf_counter() - started)
        return times

    def _wait(self) -> None:
        if self._tree.device.type == "cuda":
            torch.cuda.synchronize(self._tree.device)

    def _get(self, state: str) -> nn.Module:
        """The model as `build` makes it, in use for `train`, or ready for `eval`."""
        if self._model is None or self._state != state:
            self._drop()
            self._model, self._state = self._made(state), state
        return self._model

    def _drop(self) -> None:
        self._model = None
        gc.collect()

    def _made(self, state: str) -> nn.Module:
        torch.manual_seed(0)
        model = self._tree.build()
        if state != "eval":
            return model
        model = model.eval().requires_grad_(False)
        fuse = getattr(model, "fuse", None)
        fused: nn.Module = fuse() if callable(fuse) else model
        return fused


def _onnx_session(file: Path) -> Any:
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _with_columns(request: dict[str, Any]) -> str:
    """The model YAML; with `columns` in the request, a copy whose RevCol has as many.

    Its name is kept: v8 reads a scale out of it.
    """
    config: str = request["config"]
    columns = request.get("columns")
    if columns is None:
        return config
    document = yaml.safe_load(Path(config).read_text(encoding="utf-8"))
    for row in document["backbone"]:
        if row[2] == "RevCol":
            row[3][2] = columns
    changed = Path(request["scratch"]) / Path(config).name
    changed.write_text(yaml.safe_dump(document), encoding="utf-8")
    return str(changed)
