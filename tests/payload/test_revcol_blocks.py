"""The parts of a column: norm, stochastic depth, initialization."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from yolopatch.payload.revcol import RevCol
from yolopatch.payload.revcol.blocks import Block, DropPath, LayerNorm2d


def test_the_norm_is_over_channels_at_each_position() -> None:
    norm = LayerNorm2d(5)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = torch.randn(2, 5, 3, 4)
    expected = functional.layer_norm(x.movedim(1, -1), (5,), norm.weight, norm.bias, 1e-6).movedim(-1, 1)
    torch.testing.assert_close(norm(x), expected)


def test_every_norm_is_found_by_optimizers_that_look_for_torchs_norms() -> None:
    norms = tuple(value for name, value in vars(nn).items() if "Norm" in name and isinstance(value, type))
    network = RevCol([8, 8, 8, 8], [1, 1, 1, 1], 2)
    found = {name for name, module in network.named_modules() if isinstance(module, norms)}
    assert {"stem.1", "subnet1.level1.fusion.down.1", "subnet0.level0.blocks.0.norm"} <= found
    assert "subnet1.level0.fusion.up.channel_reschedule.1" in found


def test_drop_path_does_nothing_in_eval() -> None:
    assert DropPath(0.9).eval()(torch.randn(4, 3, 2, 2)) is None


def test_drop_path_draws_one_factor_a_sample_and_keeps_the_expectation() -> None:
    torch.manual_seed(0)
    factors = DropPath(0.25).train()(torch.ones(4000, 3, 2, 2))
    torch.testing.assert_close(factors.unique(), torch.tensor([0.0, 1 / 0.75]))
    assert factors.mean().item() == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("saves", ["input", "all"])
def test_a_dropped_sample_passes_a_block_unchanged(saves: str) -> None:
    block = Block(8, 3, 1.0, 0.5, saves).train()
    x = torch.randn(16, 8, 5, 5)
    torch.manual_seed(0)
    dropped = block.drop_path(x) == 0
    torch.manual_seed(0)
    same = (block(x) == x).flatten(1).all(1)
    assert 0 < dropped.sum() < 16
    assert torch.equal(same, dropped)


@pytest.mark.parametrize("size", [(2, 3, 5), (1, 70, 70), (3, 1, 1)])
@pytest.mark.parametrize("saves", ["input", "hidden"])
@pytest.mark.parametrize("layer_scale", [0.5, 0.0])
def test_the_fused_block_computes_what_the_ordinary_one_does(
    size: tuple[int, ...], saves: str, layer_scale: float
) -> None:
    torch.manual_seed(0)
    ordinary = Block(12, 5, layer_scale, 0.0, "all").double()
    for parameter in ordinary.parameters():
        nn.init.normal_(parameter)
    fused = Block(12, 5, layer_scale, 0.0, saves).double()
    fused.load_state_dict(ordinary.state_dict())
    x = torch.randn(size[0], 12, *size[1:], dtype=torch.float64, requires_grad=True)
    grad = torch.randn_like(x)
    torch.testing.assert_close(fused(x), ordinary(x))
    expected = torch.autograd.grad(ordinary(x), [x, *ordinary.parameters()], grad)
    torch.testing.assert_close(torch.autograd.grad(fused(x), [x, *fused.parameters()], grad), expected)


def test_a_chunk_is_no_block_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    block = Block(8, 3, 1.0, 0.0, "input").double()
    x = torch.randn(2, 8, 9, 9, dtype=torch.float64, requires_grad=True)
    whole = torch.autograd.grad(block(x).sin().sum(), [x, *block.parameters()])
    monkeypatch.setattr("yolopatch.payload.revcol.fused.CHUNK", (0, 0))
    monkeypatch.setattr("yolopatch.payload.revcol.fused.LEAST_ROWS", 7)
    torch.testing.assert_close(torch.autograd.grad(block(x).sin().sum(), [x, *block.parameters()]), whole)


def test_a_hook_on_a_part_of_a_block_is_called() -> None:
    block, seen = Block(8, 3, 1.0, 0.0, "input"), []
    handle = block.pwconv1.register_forward_hook(lambda *_: seen.append("pwconv1"))
    block(torch.randn(1, 8, 4, 4))
    handle.remove()
    block(torch.randn(1, 8, 4, 4))
    assert seen == ["pwconv1"]


def test_a_part_that_was_replaced_is_used() -> None:
    block = Block(8, 3, 1.0, 0.0, "input")
    x = torch.randn(1, 8, 4, 4)
    block.act = nn.Identity()
    branch = block.pwconv2(block.pwconv1(block.norm(block.dwconv(x).permute(0, 2, 3, 1))))
    torch.testing.assert_close(block(x), x + branch.permute(0, 3, 1, 2))


def test_drop_path_rates_rise_linearly_and_are_the_same_in_every_column() -> None:
    network = RevCol([8, 8, 8, 8], [2, 1, 2, 1], 3, drop_path=0.5)
    expected = pytest.approx(torch.linspace(0, 0.5, 6).tolist())
    for column in range(3):
        blocks = [module for module in getattr(network, f"subnet{column}").modules() if isinstance(module, Block)]
        assert [block.drop_path.rate for block in blocks] == expected


def test_drop_path_is_random_in_training_and_off_in_eval() -> None:
    network = RevCol([8, 8, 8, 8], [1, 1, 1, 1], 2, drop_path=0.9, layer_scale=1.0, init="kaiming")
    image = torch.randn(8, 3, 64, 64)
    with torch.no_grad():
        assert not torch.equal(network.train()(image)[3], network(image)[3])
        assert torch.equal(network.eval()(image)[3], network(image)[3])


def test_the_papers_initialization() -> None:
    torch.manual_seed(0)
    network = RevCol([16, 32, 64, 128], [1, 1, 1, 1], 2)
    weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear))])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert all(not m.bias.count_nonzero() for m in network.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    column = network.subnet1
    assert torch.equal(column.alpha2, torch.full((1, 64, 1, 1), 0.5))
    assert torch.equal(column.level3.blocks[0].gamma, torch.full((128,), 1e-6))


def test_kaiming_initialization_follows_the_number_of_inputs() -> None:
    torch.manual_seed(0)
    network = RevCol([64, 128, 64, 64], [1, 1, 1, 1], 2, init="kaiming")
    block = network.subnet0.level1.blocks[0]
    assert block.pwconv2.weight.std().item() == pytest.approx((2 / 512) ** 0.5, rel=0.05)
    assert block.dwconv.weight.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.1)


def test_the_overlapping_stem_sees_beyond_its_patch() -> None:
    network = RevCol([8, 8, 8, 8], [1, 1, 1, 1], 1, stem="overlap")
    image = torch.zeros(1, 3, 32, 32, requires_grad=True)
    network.stem(image)[0, 0, 3, 3].backward()
    rows = image.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert (rows.min().item(), rows.max().item()) == (9, 15)
