"""The exact mode in what a training script does with a model."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from tests.payload.device import DEVICE
from yolopatch.payload.revcol import RevCol

COLUMNS = 4


def network(mode: str = "exact", **options: object) -> RevCol:
    torch.manual_seed(0)
    options = {"layer_scale": 0.5, "init": "kaiming", "drop_path": 0.2, "mode": mode, **options}
    return RevCol([8, 16, 24, 32], [1, 1, 2, 1], COLUMNS, options).train().to(DEVICE)


def image(seed: int = 1) -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed)).to(DEVICE)


def loss(model: nn.Module, seed: int = 1) -> Tensor:
    torch.manual_seed(seed)
    return sum((level.square().mean() for level in model(image(seed))), torch.zeros((), device=DEVICE))


def grads(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def assert_equal(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    assert left, "there is nothing to compare"
    assert [name for name in left if not torch.equal(left[name], right[name])] == []


def test_exact_is_the_default_in_training() -> None:
    model = RevCol([8, 16, 24, 32], [1, 1, 1, 1], 3).to(DEVICE)
    assert model.mode == "exact"
    loss(model)
    assert model.memory_report()


def test_twenty_steps_of_an_optimizer_are_those_of_plain_mode() -> None:
    losses = {}
    for mode in ("exact", "plain"):
        model = network(mode)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
        values = []
        for step in range(20):
            optimizer.zero_grad()
            value = loss(model, step)
            value.backward()
            optimizer.step()
            values.append(value.item())
        losses[mode] = values
    assert losses["exact"] == losses["plain"]
    assert losses["exact"][-1] < losses["exact"][0]


def test_gradients_accumulate() -> None:
    found = []
    for mode in ("exact", "plain"):
        model = network(mode)
        for step in range(3):
            loss(model, step).backward()
        found.append(grads(model))
    assert_equal(*found)


def test_two_forwards_before_their_backwards() -> None:
    found = []
    for mode in ("exact", "plain"):
        model = network(mode)
        first, second = loss(model, 1), loss(model, 2)
        first.backward()
        second.backward()
        found.append(grads(model))
    assert_equal(*found)


@pytest.mark.parametrize("name", ["subnet2.alpha1", "subnet0.level0.blocks.0.gamma", "stem.0.bias", "subnet3.alpha3"])
def test_autograd_grad_for_one_parameter(name: str) -> None:
    found = []
    for mode in ("exact", "plain"):
        model = network(mode)
        found.append(torch.autograd.grad(loss(model), [dict(model.named_parameters())[name]])[0])
        assert grads(model) == {}
    assert torch.equal(*found)


def test_functional_call_gives_the_gradients_of_what_it_was_called_with() -> None:
    found = []
    for mode in ("exact", "plain"):
        model = network(mode)
        others = {name: (p.detach() * 1.1).requires_grad_() for name, p in model.named_parameters()}
        torch.manual_seed(0)
        levels = torch.func.functional_call(model, others, (image(),))
        value = sum(level.square().mean() for level in levels)
        value.backward()
        assert grads(model) == {}
        found.append({name: tensor.grad for name, tensor in others.items() if tensor.grad is not None})
    assert_equal(*found)


def test_torch_func_grad_takes_the_ordinary_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # ten bits of mantissa are not close enough
    model = network(drop_path=0.0)
    parameters = {name: parameter.detach() for name, parameter in model.named_parameters()}

    def value(given: dict[str, Tensor]) -> Tensor:
        return sum(level.square().mean() for level in torch.func.functional_call(model, given, (image(),)))

    found = torch.func.grad(value)(parameters)
    loss(model).backward()
    for name, gradient in grads(model).items():
        torch.testing.assert_close(found[name], gradient)


def test_a_compiled_training_step_gives_the_gradients() -> None:
    model = network(drop_path=0.0)
    loss(torch.compile(model, backend="aot_eager")).backward()
    compiled = {name: gradient.clone() for name, gradient in grads(model).items()}
    model.zero_grad()
    loss(model).backward()
    for name, gradient in compiled.items():
        torch.testing.assert_close(gradient, grads(model)[name], atol=1e-4, rtol=1e-4)
    assert compiled["subnet2.alpha1"].count_nonzero()


def test_hooks_on_parameters_outputs_and_the_module() -> None:
    found = []
    for mode in ("exact", "plain"):
        model, seen = network(mode), {}
        model.subnet1.alpha2.register_hook(lambda grad, seen=seen: seen.setdefault("alpha", grad) * 2)
        model.subnet1.level2.blocks[0].gamma.register_hook(lambda grad, seen=seen: seen.setdefault("gamma", grad))
        model.register_full_backward_hook(lambda _, __, outputs, seen=seen: seen.setdefault("outputs", outputs[0]))
        loss(model).backward()
        assert torch.equal(model.subnet1.alpha2.grad, 2 * seen["alpha"])
        found.append(seen | grads(model))
    assert_equal(*found)


def test_a_hook_inside_a_column_is_called_with_the_same_gradient() -> None:
    found = []
    for mode in ("exact", "plain"):
        model, seen = network(mode, saves="all"), {}
        model.subnet1.level2.blocks[0].register_full_backward_hook(
            lambda _, inputs, outputs, seen=seen: seen.update(inputs=inputs[0], outputs=outputs[0])
        )
        loss(model).backward()
        found.append(seen | grads(model))
    assert_equal(*found)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_after_a_step_is_a_model_of_its_own(copied: object) -> None:
    model = network()
    loss(model).backward()
    other = copied(model)
    other.zero_grad()
    loss(other).backward()
    assert_equal(grads(model), grads(other))


def test_an_exponential_moving_average_sees_the_weights_alone() -> None:
    model = network()
    average = copy.deepcopy(model).eval()
    for parameter in average.parameters():
        parameter.requires_grad_(False)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    levels = average(image())
    loss(model).backward()
    assert not any(level.requires_grad for level in levels)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_state_dict_knows_nothing_of_the_mode() -> None:
    model, stream = network(), io.BytesIO()
    loss(model).backward()
    torch.save(model.state_dict(), stream)
    stream.seek(0)
    other = network("plain", saves="all")
    other.load_state_dict(torch.load(stream, weights_only=True))
    assert model.state_dict().keys() == network("plain").state_dict().keys()
    for left, right in zip(model.eval()(image()), other.eval()(image()), strict=True):
        torch.testing.assert_close(left, right)


def test_checkpointing_around_the_model_works() -> None:
    found = []
    for mode in ("exact", "plain"):
        model = network(mode)
        torch.manual_seed(0)
        levels = torch.utils.checkpoint.checkpoint(model, image(), use_reentrant=False)
        sum(level.square().mean() for level in levels).backward()
        found.append(grads(model))
    assert_equal(*found)


def test_saved_tensors_can_be_moved_elsewhere() -> None:
    found = []
    for hooks in (True, False):
        model = network()
        if hooks:
            with torch.autograd.graph.saved_tensors_hooks(lambda x: x.numpy(force=True), to_device):
                value = loss(model)
        else:
            value = loss(model)
        value.backward()
        found.append(grads(model))
    assert_equal(*found)


def to_device(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array).to(DEVICE)


def test_a_training_step_leaves_the_random_numbers_where_plain_mode_does() -> None:
    numbers = []
    for mode in ("exact", "plain"):
        model = network(mode)
        loss(model).backward()
        numbers.append(torch.cat([torch.rand(3), torch.rand(3, device=DEVICE).cpu()]))
    assert torch.equal(*numbers)


def test_the_records_go_with_the_backward() -> None:
    model = network()
    with torch.no_grad():
        image()
    value = loss(model)
    kept = [t for t in saved(value) if t.dtype == torch.int8]
    assert len(kept) == 4 * (COLUMNS - 1)
    assert sum(t.numel() for t in kept) == sum(row["elements"] for row in model.memory_report())


def saved(value: Tensor) -> list[Tensor]:
    """Tensors that the graph of a value keeps for functions of Python."""
    found, waiting, seen = [], [value.grad_fn], set()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found.extend(t for t in getattr(node, "saved_tensors", ()) if t is not None)
        waiting.extend(following for following, _ in node.next_functions)
    return found


WORKER = """
import itertools, sys, torch, torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel
from yolopatch.payload.revcol import RevCol

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", store=dist.FileStore(folder + "/store", 2), rank=rank, world_size=2)
settings = [{}, {"find_unused_parameters": True}, {"static_graph": True}]
states = {}
for (number, setting), mode, frozen in itertools.product(enumerate(settings), ("exact", "plain"), (False, True)):
    torch.manual_seed(0)
    options = {"layer_scale": 0.5, "drop_path": 0.2, "mode": mode, "aux_columns": [2]}
    model = RevCol([8, 16, 24, 32], [1, 1, 2, 1], 4, options).train()
    model.stem.requires_grad_(not frozen)
    parallel = DistributedDataParallel(model, **setting)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    for step in range(3):  # a parameter without a gradient is only noticed in the second step
        torch.manual_seed(10 * step + rank)
        optimizer.zero_grad()
        sum(level.square().mean() for level in parallel(torch.randn(2, 3, 64, 64))).backward()
        optimizer.step()
    states[number, mode, frozen] = model.state_dict()
torch.save(states, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


@pytest.mark.skipif(not (dist.is_available() and dist.is_gloo_available()), reason="this torch has no gloo")
def test_two_processes_train_one_model_in_every_setting(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", WORKER, str(rank), str(tmp_path)] for rank in (0, 1)]
    workers = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for command in commands]
    errors = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    assert len(first) == 12
    for (number, mode, frozen), state in first.items():
        assert_equal(state, second[number, mode, frozen])
        assert_equal(state, first[number, "plain", frozen])
        assert not torch.equal(state["subnet0.level0.blocks.0.gamma"], torch.full((8,), 0.5))


CUDA = torch.cuda.is_available()


@pytest.mark.skipif(not CUDA, reason="needs CUDA")
@pytest.mark.parametrize("dtype", [None, torch.float16, torch.bfloat16])
def test_exact_on_cuda(dtype: torch.dtype | None) -> None:
    found = []
    for mode in ("exact", "plain"):
        model = network(mode).cuda()
        with torch.autocast("cuda", dtype=dtype, enabled=dtype is not None):
            torch.manual_seed(0)
            value = sum(level.square().mean() for level in model(image().cuda()))
        value.backward()
        found.append(grads(model))
    assert_equal(*found)
