"""The exact mode gives the outputs and the gradients of plain autograd, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from tests.payload.device import DEVICE
from yolopatch.payload.revcol import RevCol
from yolopatch.payload.revcol.record import join_and_record, restore, same_bits

CHANNELS = [16, 32, 48, 64]
BLOCKS = [1, 2, 2, 1]
Change = Callable[[RevCol], object]


def network(columns: int, seed: int = 0, **options: object) -> RevCol:
    torch.manual_seed(seed)
    model = RevCol(CHANNELS, BLOCKS, columns, {"layer_scale": 1.0, **options}).train().to(DEVICE)
    for name, parameter in model.named_parameters():
        if "alpha" in name:
            nn.init.uniform_(parameter, 0.1, 0.9)
    return model


def noise(size: int = 64, seed: int = 1) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def picture() -> Tensor:
    """What a letterboxed photograph has: flat borders, edges, gradients, few distinct values, in 0 to 1."""
    ramp = torch.linspace(0, 1, 96).expand(3, 64, 96)
    image = torch.full((2, 3, 96, 96), 114 / 255)
    image[0, :, 16:80] = (ramp * 255).floor() / 255
    image[1, :, 16:80, 30:60] = 1.0
    image[1, 0, 20:30, 40:50] = 0.0
    return image.to(DEVICE)


def run(
    model: RevCol, image: Tensor, mode: str, outputs: Sequence[int] | None = None, autocast: torch.dtype | None = None
) -> dict[str, Tensor | None]:
    model.mode = mode
    model.zero_grad(set_to_none=True)
    image = image.clone().requires_grad_()
    torch.manual_seed(2)
    with torch.autocast(DEVICE.type, dtype=autocast or torch.bfloat16, enabled=autocast is not None):
        levels = model(image)
    chosen = range(len(levels)) if outputs is None else outputs
    seeds = [torch.Generator().manual_seed(index) for index in chosen]
    grads = [torch.randn(levels[i].shape, generator=seed).to(levels[i]) for i, seed in zip(chosen, seeds, strict=True)]
    torch.autograd.backward([levels[index] for index in chosen], grads)
    found: dict[str, Tensor | None] = {f"output {index}": level.detach() for index, level in enumerate(levels)}
    found |= {name: parameter.grad for name, parameter in model.named_parameters()}
    return found | {"image": image.grad}


def differing(left: dict[str, Tensor | None], right: dict[str, Tensor | None]) -> list[str]:
    assert left.keys() == right.keys()
    return [name for name, value in left.items() if not same(value, right[name])]


def same(left: Tensor | None, right: Tensor | None) -> bool:
    if left is None or right is None:
        return left is right
    return torch.equal(left.nan_to_num(1.25), right.nan_to_num(1.25)) and torch.equal(left.isnan(), right.isnan())


def assert_exact(model: RevCol, image: Tensor, outputs: Sequence[int] | None = None) -> dict[str, Tensor | None]:
    exact = run(model, image, "exact", outputs)
    assert model.memory_report(), "the exact mode did not run"
    assert differing(exact, run(model, image, "plain", outputs)) == []
    return exact


@pytest.mark.parametrize("columns", [2, 3, 8, 16, 32])
def test_any_number_of_columns(columns: int) -> None:
    assert_exact(network(columns), noise())


@pytest.mark.parametrize(
    "options",
    [
        {"layer_scale": 1e-6},
        {"layer_scale": 0.0},
        {"deep_up": True},
        {"fusion": "weighted"},
        {"fusion": "attention", "deep_up": True},
        {"stem": "overlap", "init": "kaiming"},
        {"kernel_size": 7},
        {"saves": "input"},
        {"saves": "hidden"},
        {"saves": "all"},
        {"drop_path": 0.5},
        {"drop_path": 0.5, "saves": "all"},
        {"aux_columns": [1, 3]},
        {"aux_columns": [2, 3]},
    ],
    ids=str,
)
def test_every_option(options: dict[str, object]) -> None:
    model = network(4, **options)
    for name, parameter in model.named_parameters():
        if "weigh" in name:
            nn.init.normal_(parameter)
    assert_exact(model, noise())


@pytest.mark.parametrize(
    ("channels", "blocks", "columns"),
    [
        ([16, 32, 64, 128], [1, 1, 3, 1], 4),
        ([48, 96, 192, 384], [2, 2, 4, 2], 4),
        ([64, 128, 256, 512], [2, 2, 4, 2], 8),
    ],
)
def test_variants_as_they_start(channels: list[int], blocks: list[int], columns: int) -> None:
    torch.manual_seed(0)
    assert_exact(RevCol(channels, blocks, columns).train().to(DEVICE), picture())


@pytest.mark.parametrize("size", [33, 47, 96, 161])
def test_any_size(size: int) -> None:
    assert_exact(network(3), noise(size))


@pytest.mark.parametrize("make", [picture, lambda: torch.zeros(2, 3, 64, 64, device=DEVICE), lambda: noise().contiguous(
    memory_format=torch.channels_last), lambda: noise() * 1e4, lambda: noise()[:1]])  # fmt: skip
def test_any_image(make: Callable[[], Tensor]) -> None:
    assert_exact(network(4), make())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_any_dtype(dtype: torch.dtype) -> None:
    assert_exact(network(4).to(dtype), noise().to(dtype))


@pytest.mark.parametrize("saves", ["auto", "all"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast(saves: str, dtype: torch.dtype) -> None:
    model = network(4, drop_path=0.4, saves=saves)
    exact = run(model, noise(), "exact", autocast=dtype)
    assert model.memory_report()
    assert differing(exact, run(model, noise(), "plain", autocast=dtype)) == []
    assert all(parameter.grad.dtype == torch.float32 for parameter in model.parameters())


@pytest.mark.parametrize("mode", ["exact", "plain"])
def test_a_backward_outside_of_autocast_is_the_one_inside(mode: str) -> None:
    model = network(3, drop_path=0.4, mode=mode)
    grads = []
    for inside in (True, False):
        model.zero_grad()
        torch.manual_seed(0)
        with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
            loss = sum(level.square().mean() for level in model(noise()))
            if inside:
                loss.backward()
        if not inside:
            loss.backward()
        grads.append({name: parameter.grad.clone() for name, parameter in model.named_parameters()})
    assert differing(*grads) == []


def set_alphas(model: RevCol, value: float) -> None:
    for name, parameter in model.named_parameters():
        if "alpha" in name:
            nn.init.constant_(parameter, value)


@pytest.mark.parametrize("value", [1e-9, -1e-3, 1e-3, 1.0, -0.7, 30.0])
def test_alpha_anywhere(value: float) -> None:
    model = network(6)
    set_alphas(model, value)
    assert_exact(model, noise())


def test_a_small_alpha_costs_memory_and_can_be_asked_for() -> None:
    model = network(4)
    set_alphas(model, 0.5)
    assert_exact(model, noise())
    usual = model.memory_report()
    with torch.no_grad():
        model.subnet2.alpha1[:, 0] = 1e-3
    run(model, noise(), "exact")
    grown = model.memory_report()
    assert [(row["column"], row["level"]) for row in usual] == [(c, level) for c in (1, 2, 3) for level in range(4)]
    rows = {(row["column"], row["level"]): row for row in grown}
    before = {(row["column"], row["level"]): row for row in usual}
    assert rows[2, 1]["apart"] > before[2, 1]["apart"]
    assert rows[2, 1]["bytes"] > before[2, 1]["bytes"]
    assert sum(row["bytes"] for row in usual) < 1.1 * sum(row["elements"] for row in usual)
    set_alphas(model, 1e-3)
    run(model, noise(), "exact")
    # One byte an element and, at worst, the feature itself.
    assert all(row["bytes"] <= 5 * row["elements"] + 100 for row in model.memory_report())


@pytest.mark.parametrize("outputs", [[0], [1, 3], [2], [5, 0]])
def test_some_outputs_alone(outputs: list[int]) -> None:
    assert_exact(network(4, aux_columns=[2]), noise(), outputs)


def test_an_auxiliary_output_alone() -> None:
    exact = assert_exact(network(4, aux_columns=[2]), noise(), [5, 6])
    assert exact["subnet3.level0.blocks.0.gamma"] is None
    assert exact["subnet1.level0.blocks.0.gamma"] is not None


def test_an_auxiliary_column_needs_no_record_since_it_exists_anyway() -> None:
    model = network(5, aux_columns=[2])
    levels = model(noise())
    assert {row["column"] for row in model.memory_report()} == {1, 3, 4}
    sum(level.sum() for level in levels).backward()


@pytest.mark.parametrize("frozen", ["stem", "subnet0", "subnet3", "subnet1.level2", "alpha", "gamma", "down", "weight"])
def test_any_frozen_part(frozen: str) -> None:
    model = network(4)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(frozen not in name)
    assert_exact(model, noise())


def test_frozen_columns_keep_no_records() -> None:
    model = network(5)
    for part in (model.stem, model.subnet0, model.subnet1, model.subnet2):
        part.requires_grad_(False)
    run(model, noise(), "plain")
    exact = [level.detach() for level in model(noise())]
    model.mode = "exact"
    levels = model(noise())
    assert {row["column"] for row in model.memory_report()} == {3, 4}
    assert all(torch.equal(left, right) for left, right in zip(levels, exact, strict=True))
    sum(level.sum() for level in levels).backward()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_inf_come_through_as_in_plain_mode(value: float) -> None:
    image = noise()
    image[0, 1, 20, 30] = value
    exact = assert_exact(network(4), image)
    assert exact["output 3"].isnan().any()


def test_a_nan_in_one_weight_comes_through() -> None:
    model = network(4)
    with torch.no_grad():
        model.subnet2.level1.blocks[0].pwconv1.weight[0, 0] = float("nan")
    assert_exact(model, noise())


@pytest.mark.parametrize("room", [1 / 64, 1 / 16, 1.0])
def test_reserved_space_brings_the_same_back(room: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """How it works on a device that nothing may wait for; the CPU counts instead."""
    model = network(4)
    plain = run(model, noise(), "plain")
    model.mode, stem = "exact", model.stem(noise())
    kept, shared = model._run(stem, (4,), {}, room)
    rows, enough = shared.report()
    assert enough
    assert room < 1.0 or all(row["bytes"] >= 5 * row["elements"] for row in rows)
    assert all(torch.equal(level, plain[f"output {index}"]) for index, level in enumerate(kept[4]))


def test_space_that_does_not_suffice_is_noticed_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    model = network(4, drop_path=0.3)
    set_alphas(model, 2e-3)
    image = noise()
    plain = run(model, image, "plain")
    _, shared = model._run(model.stem(image), (4,), {}, 1 / 64)
    assert not shared.report()[1]
    monkeypatch.setattr("yolopatch.payload.revcol.model.may_wait", lambda x: False)
    exact = run(model, image, "exact")
    assert model._room > 0
    assert differing(exact, plain) == []


class Operations(TorchDispatchMode):
    """Notes the names of all operations."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.names.add(str(function))
        return function(*args, **(kwargs or {}))


def test_reserved_space_scatters_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With deterministic algorithms CUDA handles equal indices one after the other: a step took seconds."""
    monkeypatch.setattr("yolopatch.payload.revcol.model.may_wait", lambda x: False)
    model = network(4)
    with Operations() as seen:
        run(model, noise(), "exact")
    assert any("searchsorted" in name for name in seen.names), "no space was reserved"
    assert [name for name in seen.names if "scatter" in name or "index_put" in name] == []


@pytest.mark.parametrize("room", [1 / 64, 1 / 16])
@pytest.mark.parametrize("share", [0.0, 0.04, 1.0])
def test_values_at_marks_come_back(room: float, share: float) -> None:
    """Whatever lies beside the byte's range, up to where the distance of two bit patterns overflows."""
    torch.manual_seed(0)
    alpha = torch.full((1, 3, 1, 1), 0.5, device=DEVICE)
    f, p = (torch.randn(2, 3, 16, 16, device=DEVICE).contiguous(memory_format=torch.channels_last) for _ in "fp")
    p = torch.where(torch.rand(p.shape, device=DEVICE) < share, p * 1e-30, p)
    p[0, 0, 0, :4] = torch.tensor([float("nan"), float("inf"), -0.0, -1e-38], device=DEVICE)
    p = p.contiguous(memory_format=torch.channels_last)
    c, record = join_and_record(f, alpha, p, room)
    enough = int(record.count[0]) <= len(record.value[0])
    found, wrong = restore(record, c, f, alpha)
    assert enough == (share < room)
    assert bool(wrong) != enough
    assert bool(same_bits(found, p)) == enough
