"""A backward that would compute on something else than the forward did is an error that says where."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn

from tests.payload.device import DEVICE
from yolopatch.payload.revcol import RevCol
from yolopatch.payload.revcol.context import repeatable


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def network(**options: object) -> RevCol:
    torch.manual_seed(0)
    given = {"layer_scale": 1.0, "init": "kaiming", **options}
    return RevCol([16, 32, 48, 64], [1, 1, 2, 1], 4, given).train().to(DEVICE)


def loss(model: nn.Module) -> Tensor:
    image = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)).to(DEVICE)
    return sum((level.square().mean() for level in model(image)), torch.zeros((), device=DEVICE))


def double_in_place(model: RevCol) -> None:
    with torch.no_grad():
        model.subnet2.level1.blocks[0].pwconv1.weight.mul_(2)


def double_unnoticed(model: RevCol) -> None:
    model.subnet2.level1.blocks[0].pwconv1.weight.data.mul_(2)


def change_alpha(model: RevCol) -> None:
    model.subnet2.alpha1.data.add_(0.1)


def change_a_fusion(model: RevCol) -> None:
    model.subnet2.level1.fusion.up.channel_reschedule[0].bias.data.add_(0.1)


def change_a_kernel(model: RevCol) -> None:
    model.subnet2.level1.blocks[0].act = nn.GELU(approximate="tanh")


@pytest.mark.parametrize("change", [double_in_place, double_unnoticed, change_alpha, change_a_fusion, change_a_kernel])
def test_what_changed_between_forward_and_backward_is_found(change: Callable[[RevCol], None]) -> None:
    model = network()
    value = loss(model)
    change(model)
    with pytest.raises(RuntimeError, match=re.escape("column 3, level 1 (subnet2.level1)")):
        value.backward()


def test_a_change_in_the_first_column_is_found() -> None:
    model = network()
    value = loss(model)
    model.subnet0.level3.blocks[0].pwconv2.bias.data.add_(0.1)
    with pytest.raises(RuntimeError, match=r"column 1, level 3 \(subnet0\.level3\)"):
        value.backward()


def test_a_change_after_an_auxiliary_column_is_found() -> None:
    model = network(aux_columns=[2])
    value = loss(model)
    model.subnet2.level2.blocks[1].pwconv2.bias.data.add_(0.1)
    with pytest.raises(RuntimeError, match=r"column 3, level 2 \(subnet2\.level2\)"):
        value.backward()


def test_another_drop_path_is_found() -> None:
    model = network(drop_path=0.5)
    value = loss(model)
    model.eval()
    with pytest.raises(RuntimeError, match=r"column 4, level 3 .*training"):
        value.backward()


def test_another_memory_format_is_found_or_does_no_harm() -> None:
    """Kernels of another memory format may round in another way; then it is an error, else the gradients are equal."""
    expected, model = network(saves="all"), network(saves="all")
    loss(expected).backward()
    value = loss(model)
    hook = [m.register_forward_pre_hook(to_nchw) for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert hook
    try:
        value.backward()
    except RuntimeError as error:
        assert re.search(r"column \d, level \d .*memory format", str(error))
        return
    for left, right in zip(expected.parameters(), model.parameters(), strict=True):
        assert torch.equal(left.grad, right.grad)


def to_nchw(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(x.contiguous() for x in inputs)


def test_an_error_leaves_the_model_usable() -> None:
    model = network()
    value = loss(model)
    kept = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    model.subnet2.level1.blocks[0].pwconv1.weight.data.mul_(2)
    with pytest.raises(RuntimeError):
        value.backward()
    assert all(isinstance(parameter, nn.Parameter) for parameter in model.parameters())
    model.load_state_dict(kept)
    model.zero_grad()
    loss(model).backward()
    expected = network()
    loss(expected).backward()
    for left, right in zip(expected.parameters(), model.parameters(), strict=True):
        assert torch.equal(left.grad, right.grad)


def test_checks_that_wait_until_the_backward_ends_find_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """How it works on a device that nothing may wait for."""
    monkeypatch.setattr("yolopatch.payload.revcol.reversible.may_wait", lambda x: False)
    model = network()
    loss(model).backward()
    value = loss(model)
    change_a_fusion(model)
    with pytest.raises(RuntimeError, match=re.escape("column 3, level 1 (subnet2.level1)")):
        value.backward()


def test_a_second_backward_needs_a_kept_graph() -> None:
    value = loss(network())
    value.backward()
    with pytest.raises(RuntimeError, match="second time"):
        value.backward()


def test_a_second_backward_on_a_kept_graph_is_right() -> None:
    model = network(drop_path=0.3)
    value = loss(model)
    value.backward(retain_graph=True)
    first = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    value.backward()
    assert all(torch.equal(left, right.grad) for left, right in zip(first, model.parameters(), strict=True))


def test_a_derivative_of_a_derivative_is_refused() -> None:
    model = network()
    grads = torch.autograd.grad(loss(model), list(model.stem.parameters()), create_graph=True)
    with pytest.raises(RuntimeError, match=r"once_differentiable|does not require grad"):
        sum(grad.sum() for grad in grads).backward()


def test_a_feature_inside_that_no_one_keeps_is_refused() -> None:
    model, seen = network(), []
    model.subnet1.level1.register_forward_hook(lambda *args: seen.append(args[2]))
    loss(model).backward()
    assert not seen[0].requires_grad  # the forward's own run has no graph: it cannot be trained on by mistake


def test_a_level_runs_on_kernels_that_repeat_themselves_and_the_script_s_setting_returns() -> None:
    """YOLOv7 turns cuDNN's benchmark on for any seed but 0; its second choice of a kernel was another one."""
    cudnn = torch.backends.cudnn
    before = cudnn.benchmark, cudnn.deterministic
    cudnn.benchmark, cudnn.deterministic = True, False
    try:
        with repeatable("cuda"):
            assert (cudnn.benchmark, cudnn.deterministic) == (False, True)
        assert (cudnn.benchmark, cudnn.deterministic) == (True, False)
        with repeatable("cpu"):
            assert (cudnn.benchmark, cudnn.deterministic) == (True, False)
    finally:
        cudnn.benchmark, cudnn.deterministic = before


@pytest.mark.skipif(DEVICE.type != "cuda", reason="needs CUDA")
def test_cudnn_s_benchmark_changes_nothing_between_forward_and_backward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    model = network(drop_path=0.1, stem="overlap")
    for size in (320, 416, 352, 320, 640, 96, 192):
        with torch.autocast("cuda", dtype=torch.float16):
            levels = model(torch.rand(4, 3, size, size, device="cuda"))
        sum(level.float().square().mean() for level in levels).backward()
