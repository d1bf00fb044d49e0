"""What the forward takes and returns, and what it must leave alone."""

from __future__ import annotations

import copy
import io
import math
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import yolopatch.payload.revcol as payload
from yolopatch.payload.revcol import PickLevel, RevCol

CHANNELS = [8, 12, 16, 20]
BLOCKS = [1, 1, 2, 1]


def model(columns: int = 2, **options: object) -> RevCol:
    torch.manual_seed(0)
    return RevCol(CHANNELS, BLOCKS, columns, {"layer_scale": 0.5, "init": "kaiming", **options}).eval()


def shapes(outputs: list[Tensor]) -> list[tuple[int, ...]]:
    return [tuple(output.shape) for output in outputs]


def expected_shapes(batch: int, height: int, width: int) -> list[tuple[int, ...]]:
    return [
        (batch, channels, math.ceil(height / stride), math.ceil(width / stride))
        for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]


@pytest.mark.parametrize("stem", ["patch", "overlap"])
@pytest.mark.parametrize("size", [(64, 64), (64, 96), (33, 35), (101, 47), (36, 62), (32, 97), (31, 5)])
def test_any_size_gives_levels_of_that_size_divided_and_rounded_up(size: tuple[int, int], stem: str) -> None:
    with torch.no_grad():
        outputs = model(stem=stem, deep_up=True)(torch.randn(2, 3, *size))
    assert shapes(outputs) == expected_shapes(2, *size)
    assert all(output.isfinite().all() for output in outputs)


def test_an_odd_size_trains() -> None:
    network = model().train()
    sum(output.mean() for output in network(torch.randn(2, 3, 61, 75))).backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


@pytest.mark.parametrize("columns", [1, 2, 3, 5, 9])
def test_any_number_of_columns_works(columns: int) -> None:
    with torch.no_grad():
        assert shapes(model(columns)(torch.randn(1, 3, 64, 64))) == expected_shapes(1, 64, 64)


def test_auxiliary_columns_follow_the_last_one() -> None:
    network = model(5, aux_columns=[4, 1])
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        outputs = network(image)
        features = None
        seen = []
        for index in range(5):
            features = getattr(network, f"subnet{index}")(network.stem(image), features)
            seen.append(features)
    expected = seen[4] + seen[3] + seen[0]
    assert len(outputs) == 12
    assert all(torch.equal(left, right) for left, right in zip(outputs, expected, strict=True))


def test_auxiliary_columns_change_nothing_in_the_main_outputs() -> None:
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        plain, auxiliary = model(3)(image), model(3, aux_columns=[2])(image)
    assert all(torch.equal(left, right) for left, right in zip(plain, auxiliary[:4], strict=True))


@pytest.mark.parametrize("channels", [1, 4])
def test_images_of_other_channel_counts_are_taken(channels: int) -> None:
    network = RevCol(CHANNELS, BLOCKS, 2, in_channels=channels)
    assert shapes(network(torch.randn(1, channels, 64, 64))) == expected_shapes(1, 64, 64)


def test_channels_last_images_give_the_same_features() -> None:
    image = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        contiguous = model()(image)
        permuted = model().to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))
    for left, right in zip(contiguous, permuted, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)


def test_features_lie_in_channels_last_memory() -> None:
    with torch.no_grad():
        outputs = model()(torch.randn(2, 3, 64, 64))
    assert all(output.is_contiguous(memory_format=torch.channels_last) for output in outputs)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_models_keep_their_dtype(dtype: torch.dtype) -> None:
    with torch.no_grad():
        full = model()(torch.ones(1, 3, 64, 64))
        half = model().to(dtype)(torch.ones(1, 3, 64, 64, dtype=dtype))
    assert {output.dtype for output in half} == {dtype}
    for left, right in zip(half, full, strict=True):
        torch.testing.assert_close(left.float(), right, rtol=0.1, atol=0.3)


def test_autocast_trains() -> None:
    network = model(3).train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        total = sum(output.float().mean() for output in network(torch.randn(2, 3, 64, 64)))
    total.backward()
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in network.parameters())


def test_a_forward_in_eval_changes_nothing_in_the_model() -> None:
    network = model(3)
    for index in range(3):
        nn.init.constant_(getattr(network, f"subnet{index}").alpha1, 1e-5)
    before = copy.deepcopy(network.state_dict())
    network(torch.randn(1, 3, 64, 64))
    network.train()(torch.randn(1, 3, 64, 64))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_nothing_keeps_running_statistics() -> None:
    assert not list(model().buffers())
    assert not any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in model().modules())


def test_building_and_evaluating_draw_no_image_and_keep_the_callers_lists() -> None:
    channels, blocks, auxiliary = list(CHANNELS), list(BLOCKS), [1]
    options = {"aux_columns": auxiliary, "drop_path": 0.1}
    network = RevCol(channels, blocks, 3, options)
    network(torch.randn(1, 3, 64, 64))
    assert (channels, blocks, auxiliary) == (CHANNELS, BLOCKS, [1])
    assert options == {"aux_columns": [1], "drop_path": 0.1}


def test_copies_and_pickles_compute_the_same() -> None:
    network = model(3, aux_columns=[1])
    image = torch.randn(1, 3, 64, 64)
    expected = network(image)
    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert all(torch.equal(left, right) for left, right in zip(copied(image), expected, strict=True))


def test_a_state_dict_goes_round_through_a_file() -> None:
    network = model(3)
    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    other = RevCol(CHANNELS, BLOCKS, 3, layer_scale=0.1).eval()
    other.load_state_dict(torch.load(file, weights_only=True))
    image = torch.randn(1, 3, 64, 64)
    assert all(torch.equal(left, right) for left, right in zip(other(image), network(image), strict=True))


def test_functional_call_uses_the_weights_given() -> None:
    network = model()
    doubled = {name: value * 2 for name, value in network.state_dict().items()}
    image = torch.randn(1, 3, 64, 64)
    outputs = torch.func.functional_call(network, doubled, (image,))
    network.load_state_dict(doubled)
    assert all(torch.equal(left, right) for left, right in zip(outputs, network(image), strict=True))


def test_no_module_uses_a_name_that_the_upstream_parsers_set() -> None:
    for module in [*model().modules(), PickLevel(0)]:
        assert not {"i", "f", "np", "type"} & (set(vars(module)) | set(dict(module.named_children())))


def test_the_package_works_under_another_name_and_alone(tmp_path: Path) -> None:
    source = Path(payload.__file__).parent
    target = tmp_path / "models" / "revcol"
    target.mkdir(parents=True)
    for file in source.glob("*.py"):
        (target / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    program = (
        "import sys, torch; before = torch.random.get_rng_state(), set(sys.modules)\n"
        "from models.revcol import PickLevel, RevCol\n"
        "assert torch.equal(before[0], torch.random.get_rng_state()), 'the import draws random numbers'\n"
        "assert 'yolopatch' not in sys.modules\n"
        "print(PickLevel(1)(RevCol([8, 8, 8, 8], [1, 1, 1, 1], 2)(torch.zeros(1, 3, 64, 64))).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "torch.Size([1, 8, 8, 8])", done.stderr
