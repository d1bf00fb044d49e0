"""Training: every parameter that should get a gradient gets one, and alpha stays usable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from yolopatch.payload.revcol import RevCol
from yolopatch.payload.revcol.column import ALPHA_MIN, away_from_zero


def model(columns: int = 3, **options: object) -> RevCol:
    torch.manual_seed(0)
    return RevCol([8, 12, 16, 20], [1, 1, 2, 1], columns, {"layer_scale": 0.5, "init": "kaiming", **options}).train()


def image() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def step(network: nn.Module) -> None:
    sum(output.square().mean() for output in network(image())).backward()


def missing(network: nn.Module) -> list[str]:
    return [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.isfinite().all())
    ]


@pytest.mark.parametrize("columns", [1, 2, 4])
@pytest.mark.parametrize("training", [True, False])
def test_every_parameter_gets_a_finite_gradient(columns: int, training: bool) -> None:
    network = model(columns, drop_path=0.1, deep_up=True).train(training)
    step(network)
    assert missing(network) == []


def test_only_the_first_columns_alphas_get_a_gradient_of_zero() -> None:
    network = model()
    step(network)
    zero = [name for name, parameter in network.named_parameters() if not parameter.grad.count_nonzero()]
    assert zero == [f"subnet0.alpha{level}" for level in range(4)]


def test_the_first_columns_alphas_change_no_value() -> None:
    network = model()
    before = [output.detach() for output in network(image())]
    for level in range(4):
        nn.init.constant_(getattr(network.subnet0, f"alpha{level}"), 7.0)
    assert all(torch.equal(left, right) for left, right in zip(before, network(image()), strict=True))


def test_a_graph_changes_no_value() -> None:
    network = model()
    with torch.no_grad():
        without = network(image())
    assert all(torch.equal(left, right) for left, right in zip(without, network(image()), strict=True))


def test_a_frozen_stem_still_trains_the_rest() -> None:
    network = model()
    network.stem.requires_grad_(False)
    step(network)
    assert missing(network) == []
    assert all(parameter.grad is None for parameter in network.stem.parameters())


@pytest.mark.parametrize("frozen", ["subnet0", "subnet1.level2", "alpha", "gamma", "down"])
def test_any_frozen_part_leaves_the_others_their_gradients(frozen: str) -> None:
    whole, partly = model(), model()
    for name, parameter in partly.named_parameters():
        parameter.requires_grad_(frozen not in name)
    step(whole)
    step(partly)
    expected = {name: parameter.grad for name, parameter in whole.named_parameters()}
    for name, parameter in partly.named_parameters():
        if frozen in name:
            assert parameter.grad is None
        else:
            torch.testing.assert_close(parameter.grad, expected[name])


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-12, -1e-5])
def test_an_alpha_at_or_near_zero_gives_finite_features_and_gradients(value: float) -> None:
    network = model()
    for column in range(3):
        for level in range(4):
            nn.init.constant_(getattr(getattr(network, f"subnet{column}"), f"alpha{level}"), value)
    assert all(output.isfinite().all() for output in network(image()))
    step(network)
    assert missing(network) == []
    assert network.subnet1.alpha0.grad.abs().min() > 0


def test_alpha_keeps_its_sign_and_stays_away_from_zero() -> None:
    alpha = torch.tensor([-2.0, -0.5, -1e-3, -1e-6, 0.0, 1e-6, 1e-3, 0.5, 2.0], requires_grad=True)
    expected = torch.tensor([-2.0, -0.5, -1e-3, -1e-3, 1e-3, 1e-3, 1e-3, 0.5, 2.0])
    effective = away_from_zero(alpha)
    assert torch.equal(effective, expected)
    assert effective.abs().min() >= torch.tensor(ALPHA_MIN)


@pytest.mark.parametrize("mode", ["exact", "plain"])
def test_an_alpha_near_zero_can_leave_again(mode: str) -> None:
    network = model(mode=mode)
    alpha = nn.init.constant_(network.subnet2.alpha1, 1e-5)
    optimizer = torch.optim.SGD([alpha], lr=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        (network(image())[1].square().mean()).backward()
        optimizer.step()
    assert alpha.abs().mean() > 0.05


def test_the_gradient_is_the_true_one() -> None:
    network = RevCol([2, 3, 3, 2], [1, 1, 1, 1], 2, layer_scale=0.7, init="kaiming").double()
    small = torch.randn(1, 3, 37, 41, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    name, parameter = "subnet1.level0.fusion.up.channel_reschedule.0.weight", None
    parameters = {key: value for key, value in network.named_parameters() if key in (name, "subnet1.alpha2")}
    for parameter in parameters.values():

        def outputs(value: Tensor, changed: nn.Parameter = parameter) -> Tensor:
            names = {key for key, candidate in parameters.items() if candidate is changed}
            levels = torch.func.functional_call(network, dict.fromkeys(names, value), (small,))
            return torch.stack([level.sin().sum() for level in levels])

        assert torch.autograd.gradcheck(outputs, (parameter.detach().clone().requires_grad_(),), atol=1e-4)


def test_the_image_gets_a_gradient() -> None:
    picture = image().requires_grad_()
    model()(picture)[3].sum().backward()
    assert picture.grad is not None
    assert picture.grad.count_nonzero() > 0


def test_two_backwards_add_up() -> None:
    once, twice = model(), model()
    step(once)
    step(twice)
    step(twice)
    for left, right in zip(once.parameters(), twice.parameters(), strict=True):
        torch.testing.assert_close(2 * left.grad, right.grad)


@pytest.fixture
def process_group(tmp_path: Path) -> Iterator[None]:
    if not dist.is_available() or not dist.is_gloo_available():
        pytest.skip("this torch has no gloo")
    store = dist.FileStore(str(tmp_path / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.usefixtures("process_group")
@pytest.mark.parametrize("setting", [{}, {"find_unused_parameters": True}, {"static_graph": True}])
@pytest.mark.parametrize("frozen", [False, True])
def test_distributed_data_parallel_trains_in_every_setting(setting: dict[str, bool], frozen: bool) -> None:
    network = model(aux_columns=[1])
    network.stem.requires_grad_(not frozen)
    parallel = DistributedDataParallel(network, **setting)
    for _ in range(3):  # a parameter without a gradient is only noticed in the second step
        step(parallel)
    assert missing(network) == []


def test_a_few_steps_reduce_a_loss() -> None:
    network = model(2, layer_scale=0.1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    target = [torch.randn_like(output) for output in network(image())]
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        outputs = network(image())
        total = sum((left - right).square().mean() for left, right in zip(outputs, target, strict=True))
        total.backward()
        optimizer.step()
        losses.append(total.item())
    assert losses[-1] < 0.8 * losses[0]
