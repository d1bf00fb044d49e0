"""Tracing, exporting and compiling."""

from __future__ import annotations

import io
import warnings

import pytest
import torch
from torch import Tensor, nn

from yolopatch.payload.revcol import PickLevel, RevCol


class Backbone(nn.Module):
    """As it stands in a YOLO: the levels are picked from the list."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.backbone = RevCol([8, 12, 16, 20], [1, 1, 1, 1], 3, {"layer_scale": 0.5, "init": "kaiming", **options})
        self.pick = nn.ModuleList(PickLevel(index) for index in (1, 2, 3))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        levels = self.backbone(x)
        return tuple(pick(levels) for pick in self.pick)


def image(height: int = 64, width: int = 96, batch: int = 1) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def close(left: tuple[Tensor, ...], right: tuple[Tensor, ...]) -> None:
    for one, other in zip(left, right, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 96), (61, 75)])
@pytest.mark.parametrize("stem", ["patch", "overlap"])
def test_a_trace_computes_the_same_and_warns_of_nothing(size: tuple[int, int], stem: str) -> None:
    network = Backbone(stem=stem).eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=torch.jit.TracerWarning)
        traced = torch.jit.trace(network, image(*size), strict=False)
    close(traced(image(*size)), network(image(*size)))


def test_a_fused_model_can_be_traced_where_gradients_are_on() -> None:
    network = Backbone().eval()
    expected = network(image())
    network.backbone.fuse()
    traced = torch.jit.trace(network, image(), strict=False)  # it traces once more without gradients and compares
    close(traced(image()), expected)


def test_a_trace_of_a_multiple_of_32_serves_other_multiples() -> None:
    network = Backbone(deep_up=True).eval()
    traced = torch.jit.trace(network, image(64, 64))
    close(traced(image(96, 32, batch=2)), network(image(96, 32, batch=2)))


@pytest.mark.parametrize("size", [(64, 96), (61, 75)])
def test_torch_export_computes_the_same(size: tuple[int, int]) -> None:
    network = Backbone(deep_up=True).eval()
    program = torch.export.export(network, (image(*size),))
    close(program.module()(image(*size)), network(image(*size)))


@pytest.mark.parametrize("training", [False, True])
def test_compiling_needs_no_graph_break(training: bool) -> None:
    network = Backbone().train(training)
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    close(compiled(image()), network(image()))


@pytest.mark.parametrize("opset", [12, 17])
@pytest.mark.parametrize("size", [(64, 96), (61, 75)])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_onnx_computes_the_same(opset: int, size: tuple[int, int]) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = Backbone(deep_up=True).eval()
    file = io.BytesIO()
    keywords = {"dynamo": False} if int(torch.__version__.split(".")[1]) >= 5 else {}
    torch.onnx.export(network, (image(*size),), file, opset_version=opset, input_names=["images"], **keywords)
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"images": image(*size).numpy()})
    close(tuple(torch.from_numpy(output) for output in outputs), network(image(*size)))


def test_an_onnx_file_with_dynamic_axes_serves_other_multiples_of_32() -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = Backbone().eval()
    file = io.BytesIO()
    axes = {"images": {0: "batch", 2: "height", 3: "width"}}
    keywords = {"dynamo": False} if int(torch.__version__.split(".")[1]) >= 5 else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            network, (image(64, 64),), file, opset_version=13, input_names=["images"], dynamic_axes=axes, **keywords
        )
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    other = image(96, 128, batch=2)
    close(tuple(map(torch.from_numpy, session.run(None, {"images": other.numpy()}))), network(other))
