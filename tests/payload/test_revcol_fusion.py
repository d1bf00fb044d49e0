"""The ways in which a level joins its two inputs."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from yolopatch.payload.revcol import RevCol
from yolopatch.payload.revcol.column import Level
from yolopatch.payload.revcol.fusion import Fusion
from yolopatch.payload.revcol.settings import Settings

CHANNELS = [8, 12, 16, 20]
WEIGHED = ["weighted", "attention"]
SIZES = [(64, 64), (33, 35), (61, 75), (36, 62), (32, 97), (31, 5)]


def model(fusion: str, columns: int = 3, **options: object) -> RevCol:
    torch.manual_seed(0)
    chosen = {"layer_scale": 0.5, "init": "kaiming", "fusion": fusion, **options}
    return RevCol(CHANNELS, [1, 1, 2, 1], columns, chosen)


def image(height: int = 64, width: int = 64, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def weights(network: nn.Module) -> Iterator[nn.Parameter]:
    return (parameter for name, parameter in network.named_parameters() if ".weigh." in f".{name}")


def perturbed(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in weights(network):
            parameter.add_(torch.randn(parameter.shape, generator=generator).to(parameter), alpha=0.5)
    return network


def fusion_of(fusion: str, level: int = 1, **options: object) -> Fusion:
    settings = Settings.of(CHANNELS, [1, 1, 1, 1], 2, {"fusion": fusion, **options})
    torch.manual_seed(0)
    return Fusion(level, settings, first=False)


def inputs(level: int = 1, height: int = 5, width: int = 7) -> tuple[Tensor, Tensor]:
    """What level 1 or 0 is fed with: the finer level (or the stem) and the coarser one of the previous column."""
    step = 2 if level else 1
    below = torch.randn(2, CHANNELS[max(level - 1, 0)], step * height, step * width)
    return below, torch.randn(2, CHANNELS[level + 1], (height + 1) // 2, (width + 1) // 2)


def equal(left: list[Tensor], right: list[Tensor]) -> bool:
    return all(torch.equal(one, other) for one, other in zip(left, right, strict=True))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("init", ["paper", "kaiming"])
@pytest.mark.parametrize("fusion", WEIGHED)
def test_it_starts_as_the_sum_to_the_last_bit(fusion: str, init: str, size: tuple[int, int]) -> None:
    plain, weighed = model("sum", init=init, deep_up=True), model(fusion, init=init, deep_up=True)
    missing, unexpected = weighed.load_state_dict(plain.state_dict(), strict=False)
    assert unexpected == []
    assert missing
    assert all(".fusion.weigh." in name for name in missing)
    assert equal(plain(image(*size)), weighed(image(*size)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("fusion", WEIGHED)
def test_it_starts_as_the_sum_in_every_dtype(fusion: str, dtype: torch.dtype) -> None:
    plain, weighed = fusion_of("sum").to(dtype), fusion_of(fusion).to(dtype)
    weighed.load_state_dict(plain.state_dict(), strict=False)
    below, above = (tensor.to(dtype) for tensor in inputs())
    assert torch.equal(plain(below, above), weighed(below, above))
    assert weighed(below, above).dtype is dtype


@pytest.mark.parametrize("fusion", WEIGHED)
def test_under_autocast_it_starts_as_the_sum_in_dtype_too(fusion: str) -> None:
    plain, weighed = model("sum"), model(fusion)
    weighed.load_state_dict(plain.state_dict(), strict=False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        left, right = plain(image()), weighed(image())
    assert equal(left, right)
    assert [output.dtype for output in left] == [output.dtype for output in right]


@pytest.mark.parametrize("fusion", WEIGHED)
def test_its_first_gradients_are_those_of_the_sum(fusion: str) -> None:
    plain, weighed = model("sum"), model(fusion)
    weighed.load_state_dict(plain.state_dict(), strict=False)
    for network in (plain, weighed):
        sum(output.square().mean() for output in network(image())).backward()
    expected = {name: parameter.grad for name, parameter in plain.named_parameters()}
    for name, parameter in weighed.named_parameters():
        if name in expected:
            torch.testing.assert_close(parameter.grad, expected[name])


@pytest.mark.parametrize("size", [(64, 64), (61, 75)])
@pytest.mark.parametrize("fusion", WEIGHED)
def test_every_parameter_learns(fusion: str, size: tuple[int, int]) -> None:
    network = perturbed(model(fusion, deep_up=True))
    sum(output.square().mean() for output in network(image(*size))).backward()
    still = [name for name, parameter in network.named_parameters() if not parameter.grad.count_nonzero()]
    assert still == [f"subnet0.alpha{level}" for level in range(4)]
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("fusion", WEIGHED)
def test_the_weights_leave_their_start_in_training(fusion: str) -> None:
    network = model(fusion)
    before = [parameter.detach().clone() for parameter in weights(network)]
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        sum(output.square().mean() for output in network(image())).backward()
        optimizer.step()
    moved = [not torch.equal(old, new) for old, new in zip(before, weights(network), strict=True)]
    assert all(moved)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("fusion", WEIGHED)
def test_the_gradients_are_the_true_ones(fusion: str, level: int) -> None:
    settings = Settings.of([2, 3, 3, 2], [1, 1, 1, 1], 2, {"fusion": fusion, "layer_scale": 0.7, "init": "kaiming"})
    torch.manual_seed(0)
    network = perturbed(Level(level, settings, first=False).double())
    names, values = zip(*network.named_parameters(), strict=True)
    size = (3, 5) if level == 0 else (5, 9)  # odd where it hurts: at the level itself
    below = torch.randn(2, settings.channels[max(level - 1, 0)], *size, dtype=torch.float64)
    above = torch.randn(2, settings.channels[level + 1], 2, 3, dtype=torch.float64)

    def output(below: Tensor, above: Tensor, *parameters: Tensor) -> Tensor:
        changed = dict(zip(names, parameters, strict=True))
        result: Tensor = torch.func.functional_call(network, changed, (below, above))
        return result

    leaves = [tensor.detach().clone().requires_grad_() for tensor in (below, above, *values)]
    assert torch.autograd.gradcheck(output, leaves, atol=1e-6)


@pytest.mark.parametrize("fusion", WEIGHED)
def test_the_two_weights_are_positive_and_add_up_to_two(fusion: str) -> None:
    weigh = perturbed(fusion_of(fusion)).weigh
    assert weigh is not None
    ones = torch.ones(2, CHANNELS[1], 6, 8), torch.ones(2, CHANNELS[1], 3, 4)
    down, up = weigh(*ones)
    assert down.shape == ones[0].shape
    assert up.shape == ones[1].shape
    fine = up.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(down + fine, torch.full_like(down, 2))
    assert min(down.min(), up.min()) > 0
    assert (down - 1).abs().max() > 0.1


def test_weighted_is_the_softmax_over_the_branches() -> None:
    weigh = fusion_of("weighted").weigh
    assert weigh is not None
    first, second = torch.randn(2, CHANNELS[1])
    with torch.no_grad():
        weigh.logit_scale.copy_(first - second)
    expected = 2 * torch.stack([first, second]).softmax(dim=0)
    down, up = weigh(torch.ones(1, CHANNELS[1], 2, 2), torch.ones(1, CHANNELS[1], 1, 1))
    torch.testing.assert_close(down[0, :, 0, 0], expected[0])
    torch.testing.assert_close(up[0, :, 0, 0], expected[1])


def test_attention_sees_both_inputs_and_the_whole_image() -> None:
    weigh = perturbed(fusion_of("attention")).weigh
    assert weigh is not None
    down, up = torch.randn(1, CHANNELS[1], 8, 8), torch.randn(1, CHANNELS[1], 4, 4)

    def weight(down: Tensor, up: Tensor) -> Tensor:
        """w at the first pixel, from the branch whose values there stay as they are."""
        result: Tensor = weigh(down, up)[0][0, :, 0, 0]
        return result

    before = weight(down, up)
    for changed in (0, 1):
        for row, column in ((0, 1), (-1, -1)):  # beside the pixel in down, then far away in either
            moved = [down.clone(), up.clone()]
            moved[changed][0, :, row, column] += 3
            assert not torch.equal(weight(*moved), before)


def test_attention_with_its_bias_alone_is_weighted() -> None:
    attention, weighted = fusion_of("attention").weigh, fusion_of("weighted").weigh
    assert attention is not None
    assert weighted is not None
    with torch.no_grad():
        attention.out.bias.copy_(torch.randn(CHANNELS[1]))
        weighted.logit_scale.copy_(attention.out.bias)
    pair = torch.randn(1, CHANNELS[1], 5, 7), torch.randn(1, CHANNELS[1], 3, 4)
    for left, right in zip(attention(*pair), weighted(*pair), strict=True):
        torch.testing.assert_close(left, right)


@pytest.mark.parametrize("fusion", WEIGHED)
def test_one_image_of_a_batch_does_not_change_another(fusion: str) -> None:
    network = perturbed(model(fusion)).eval()
    with torch.no_grad():
        together, alone = network(image(batch=2)), network(image(batch=2)[:1])
    for left, right in zip(together, alone, strict=True):
        torch.testing.assert_close(left[:1], right)


@pytest.mark.parametrize("fusion", WEIGHED)
def test_the_third_input_of_deep_up_has_no_weight(fusion: str) -> None:
    fused = perturbed(fusion_of(fusion, level=0, deep_up=True))
    below, above = inputs(level=0, height=16, width=24)
    top = torch.randn(2, CHANNELS[3], 2, 3)
    torch.testing.assert_close(fused(below, above, top), fused(below, above) + fused.up2(top))


@pytest.mark.parametrize("fusion", WEIGHED)
def test_levels_with_one_input_have_no_weights(fusion: str) -> None:
    names = {name.partition(".weigh.")[0] for name, _ in model(fusion).named_parameters() if ".weigh." in name}
    assert names == {f"subnet{column}.level{level}.fusion" for column in (1, 2) for level in range(3)}
    assert list(weights(model(fusion, columns=1))) == []


def test_the_sum_has_no_weights() -> None:
    assert list(weights(model("sum"))) == []


@pytest.mark.parametrize("fusion", ["Sum", "add", "", None])
def test_an_unknown_fusion_is_refused(fusion: object) -> None:
    with pytest.raises(ValueError, match="fusion must be one of sum, weighted, attention"):
        RevCol(CHANNELS, [1, 1, 1, 1], 2, {"fusion": fusion})


def test_the_learned_vector_is_no_bias_and_no_matrix() -> None:
    vectors = [(name, value) for name, value in model("weighted").named_parameters() if ".weigh." in name]
    assert {name.rpartition(".")[2] for name, _ in vectors} == {"logit_scale"}
    assert {value.ndim for _, value in vectors} == {1}


@pytest.mark.parametrize("fusion", WEIGHED)
def test_features_stay_in_channels_last_memory(fusion: str) -> None:
    fused = perturbed(fusion_of(fusion))
    below, above = (tensor.to(memory_format=torch.channels_last) for tensor in inputs())
    assert fused(below, above).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("fusion", WEIGHED)
def test_a_copy_computes_the_same(fusion: str) -> None:
    network = perturbed(model(fusion))
    other = model(fusion)
    other.load_state_dict(network.state_dict())
    assert equal(network(image(61, 75)), other(image(61, 75)))
    assert equal(network(image(61, 75)), copy.deepcopy(network)(image(61, 75)))


def close(left: list[Tensor], right: list[Tensor]) -> None:
    for one, other in zip(left, right, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size", [(64, 96), (61, 75)])
@pytest.mark.parametrize("fusion", WEIGHED)
def test_a_trace_computes_the_same_and_warns_of_nothing(fusion: str, size: tuple[int, int]) -> None:
    network = perturbed(model(fusion)).eval()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=torch.jit.TracerWarning)
        traced = torch.jit.trace(network, image(*size), strict=False)
    close(traced(image(*size)), network(image(*size)))


@pytest.mark.parametrize("fusion", WEIGHED)
def test_a_trace_of_a_multiple_of_32_serves_other_multiples(fusion: str) -> None:
    network = perturbed(model(fusion)).eval()
    traced = torch.jit.trace(network, image(), strict=False)
    close(traced(image(96, 32, batch=1)), network(image(96, 32, batch=1)))


@pytest.mark.parametrize("size", [(64, 96), (61, 75)])
@pytest.mark.parametrize("fusion", WEIGHED)
def test_torch_export_computes_the_same(fusion: str, size: tuple[int, int]) -> None:
    network = perturbed(model(fusion)).eval()
    program = torch.export.export(network, (image(*size),))
    close(program.module()(image(*size)), network(image(*size)))


@pytest.mark.parametrize("fusion", WEIGHED)
def test_compiling_needs_no_graph_break(fusion: str) -> None:
    network = perturbed(model(fusion)).eval()
    close(torch.compile(network, fullgraph=True, backend="eager")(image(61, 75)), network(image(61, 75)))


@pytest.mark.parametrize("opset", [12, 17])
@pytest.mark.parametrize("size", [(64, 96), (61, 75)])
@pytest.mark.parametrize("fusion", WEIGHED)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_onnx_computes_the_same(fusion: str, size: tuple[int, int], opset: int) -> None:
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    network = perturbed(model(fusion)).eval()
    file = io.BytesIO()
    keywords = {"dynamo": False} if int(torch.__version__.split(".")[1]) >= 5 else {}
    axes = {"images": {0: "batch", 2: "height", 3: "width"}} if size == (64, 96) else None
    torch.onnx.export(
        network, (image(*size),), file, opset_version=opset, input_names=["images"], dynamic_axes=axes, **keywords
    )
    session = runtime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    for other in [image(*size), *([image(96, 32, batch=1)] if axes else [])]:
        outputs = session.run(None, {"images": other.numpy()})
        close([torch.from_numpy(output) for output in outputs], network(other))
