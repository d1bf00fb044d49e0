"""Intermediate supervision: its terms, their weights, and that a model without it is none the worse."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from tests.payload.device import DEVICE
from yolopatch.payload.revcol import RevCol, end_epoch, start_epoch, strip, supervise
from yolopatch.payload.revcol.supervision import supervised_columns

CLASSES = 5
TARGETS = torch.tensor([[0, 1, 0.5, 0.5, 0.1, 0.1], [0, 1, 0.2, 0.2, 0.1, 0.1], [1, 4, 0.5, 0.5, 0.1, 0.1]])
PRESENT = torch.tensor([[0.0, 1, 0, 0, 0], [0, 0, 0, 0, 1]], device=DEVICE)


def network(columns: int = 4, mode: str = "exact", **options: object) -> RevCol:
    torch.manual_seed(0)
    supervision = {"classes": CLASSES, **options}
    given = {"layer_scale": 0.5, "init": "kaiming", "mode": mode, "supervision": supervision}
    return RevCol([8, 12, 16, 20], [1, 1, 1, 1], columns, given).train().to(DEVICE)


def image(height: int = 64, width: int = 64) -> Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)).to(DEVICE)


def detection_loss(outputs: list[Tensor]) -> Tensor:
    return sum(output.square().mean() for output in outputs)


def step(model: nn.Module, x: Tensor | None = None, **epoch: object) -> Tensor:
    loss = detection_loss(model(image() if x is None else x))
    loss = supervise(model, loss, TARGETS, **epoch)
    loss.backward()
    return loss.detach()


def grads(model: nn.Module) -> dict[str, Tensor]:
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize(
    ("columns", "places"),
    [(1, (1,)), (2, (1, 2)), (3, (1, 2, 3)), (4, (1, 2, 3, 4)), (5, (1, 2, 3, 5)), (8, (2, 4, 6, 8))],
)
def test_every_number_of_columns_has_its_places(columns: int, places: tuple[int, ...]) -> None:
    assert supervised_columns(columns) == places


@pytest.mark.parametrize("columns", [1, 2, 3, 5])
def test_every_parameter_gets_a_gradient_and_plain_mode_gives_the_same(columns: int) -> None:
    exact, plain = network(columns), network(columns, "plain")
    assert step(exact) == step(plain)
    found, wanted = grads(exact), grads(plain)
    assert found.keys() == wanted.keys() == {name for name, _ in exact.named_parameters()}
    assert [name for name in found if not torch.equal(found[name], wanted[name])] == []
    assert any(name.startswith("supervision.") and found[name].count_nonzero() for name in found)


def test_the_loss_is_the_reference_s_sum() -> None:
    model = network(scale=0.5)
    x = image()
    extra = supervise(model, (loss := detection_loss(model(x))), TARGETS) - loss
    features = _features(model, x)
    expected = 0.0
    for place, feature in enumerate(features):
        parts = model.supervision
        present = functional.binary_cross_entropy_with_logits(parts.classifiers[place](feature), PRESENT)
        if place == 3:
            expected += present
            continue
        drawn = parts.decoders[place](feature)
        assert drawn.shape == x.shape
        reconstruction = functional.binary_cross_entropy_with_logits(drawn, x.clamp(0.01, 0.99))
        expected += (1 - place / 3) * 3.0 * reconstruction + (place + 1) / 4 * 0.7 * present
    assert torch.allclose(extra, 2 * 0.5 * expected, rtol=1e-5)


def _features(model: RevCol, x: Tensor) -> list[Tensor]:
    features, found = None, []
    stem = model.stem(x)
    for index in range(4):
        features = getattr(model, f"subnet{index}")(stem, features)
        found.append(features[-1])
    return found


def test_a_mapping_of_targets_and_a_vector_of_losses_give_the_same_sum() -> None:
    rows, mapping = network(), network()
    loss = supervise(rows, detection_loss(rows(image())), TARGETS)
    batch = {"batch_idx": TARGETS[:, 0], "cls": TARGETS[:, 1:2]}
    single = detection_loss(mapping(image()))
    vector = supervise(mapping, torch.stack([single / 2, single / 4, single / 4]), batch)
    assert vector.shape == (3,)
    assert torch.allclose(loss, vector.sum())


def test_images_without_a_box_are_trained_too() -> None:
    model = network()
    loss = supervise(model, detection_loss(model(image())), torch.zeros(0, 6))
    loss.backward()
    assert all(value.isfinite().all() for value in grads(model).values())


@pytest.mark.parametrize("size", [(32, 32), (40, 72), (33, 95)])
def test_any_size(size: tuple[int, int]) -> None:
    exact, plain = network(3), network(3, "plain")
    assert step(exact, image(*size)) == step(plain, image(*size))


def test_it_learns_what_is_there() -> None:
    model = network(scale=1.0, close=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = supervise(model, torch.zeros((), device=DEVICE), TARGETS) if model(image()) else None
        loss.backward()
        losses.append(float(loss.detach()))
        optimizer.step()
    assert losses[-1] < 0.75 * losses[0]


def test_nothing_of_it_is_there_in_evaluation_and_without_a_graph() -> None:
    with_it, without = network(), RevCol([8, 12, 16, 20], [1, 1, 1, 1], 4).to(DEVICE)
    without.load_state_dict(with_it.state_dict(), strict=False)
    for model in (with_it, without):
        model.eval()
    with torch.no_grad():
        pairs = list(zip(with_it(image()), without(image()), strict=True))
    assert all(torch.equal(left, right) for left, right in pairs)
    loss = torch.ones(())
    assert supervise(with_it, loss, TARGETS) is loss
    assert supervise(without, loss, TARGETS) is loss


def test_the_same_seed_gives_the_same_detector_with_it_and_without() -> None:
    torch.manual_seed(3)
    with_it = RevCol([8, 12, 16, 20], [1, 1, 1, 1], 2, {"supervision": {"classes": 3}})
    after = torch.rand(1)
    torch.manual_seed(3)
    without = RevCol([8, 12, 16, 20], [1, 1, 1, 1], 2)
    assert torch.equal(after, torch.rand(1))
    state = with_it.state_dict()
    assert all(torch.equal(value, state[name]) for name, value in without.state_dict().items())


def test_the_schedule_switches_it_off_for_the_last_epochs() -> None:
    model = network(close=2)
    for epoch, on in ((0, True), (1, True), (2, False), (3, False)):
        start_epoch(model, epoch, 4)
        loss = detection_loss(model(image()))
        assert (supervise(model, loss, TARGETS) is not loss) == on


def test_a_script_s_one_line_follows_the_schedule_and_logs_each_term(capsys: pytest.CaptureFixture[str]) -> None:
    model = network(close=1)
    for epoch in range(3):
        for last in (False, True):
            step(model, epoch=epoch, epochs=3, last=last)
    lines = [line for line in capsys.readouterr().out.splitlines() if line]
    assert [line.split(" rec_loss ")[0] for line in lines] == [f"supervision: epoch {n}/3" for n in (1, 2, 3)]
    first = lines[0].split()
    rec, img = float(first[first.index("rec_loss") + 1]), float(first[first.index("img_loss") + 1])
    assert rec > 0 < img
    assert "(columns 1 2 3 4: rec " in lines[0]
    assert "rec_loss 0 img_loss 0 " in lines[2]


def test_the_logged_terms_are_what_entered_the_loss_of_an_image(capsys: pytest.CaptureFixture[str]) -> None:
    model = network()
    loss = detection_loss(model(image()))
    extra = float((supervise(model, loss, TARGETS) - loss).detach()) / 2
    end_epoch(model, 0, 1)
    words = capsys.readouterr().out.split()
    logged = float(words[words.index("rec_loss") + 1]) + float(words[words.index("img_loss") + 1])
    assert logged == pytest.approx(extra, rel=1e-3)


def test_fusing_and_stripping_take_it_out() -> None:
    for take_out in (lambda model: model.fuse(), strip):
        model = network().eval()
        with torch.no_grad():
            before = model(image())
            take_out(model)
            after = model(image())
        assert not [name for name in model.state_dict() if "supervision" in name]
        assert all(torch.allclose(left, right, atol=1e-4) for left, right in zip(before, after, strict=True))


def test_a_copy_and_a_pickle_between_forward_and_loss_leave_the_graph_behind() -> None:
    model = network()
    loss = detection_loss(model(image()))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        with pytest.raises(RuntimeError, match="no forward in training"):
            supervise(other, torch.zeros((), requires_grad=True), TARGETS)
    supervise(model, loss, TARGETS).backward()


def test_autocast_gives_a_finite_loss_in_single_precision() -> None:
    model = network()
    with torch.autocast(DEVICE.type, dtype=torch.bfloat16):
        loss = supervise(model, detection_loss(model(image())).float(), TARGETS)
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(value.isfinite().all() for value in grads(model).values())


def test_memory_keeps_no_decoder_s_features() -> None:
    """What the graph holds beside the outputs is the features' last levels and the image."""
    sizes: dict[str, int] = {}
    for name, model in (("with", network()), ("without", strip_copy(network()))):
        kept: dict[int, int] = {}

        def pack(value: Tensor, kept: dict[int, int] = kept) -> Tensor:
            kept[value.untyped_storage().data_ptr()] = value.untyped_storage().nbytes()
            return value

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda value: value):
            outputs = model(image(128, 128))
        sizes[name] = sum(kept.values())
        del outputs
    drawn = 2 * 3 * 128 * 128 * 4
    assert sizes["with"] - sizes["without"] < 2 * drawn


def strip_copy(model: RevCol) -> RevCol:
    strip(model)
    return model


@pytest.mark.parametrize(
    ("supervision", "message"),
    [
        ({}, "needs `classes`"),
        ({"classes": 0}, "at least 1"),
        ({"classes": 3, "scal": 1}, "did you mean 'scale'"),
        ({"classes": 3, "close": -1}, "at least 1"),
        ("yes", "a mapping"),
    ],
)
def test_wrong_options_are_named(supervision: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RevCol([8, 12, 16, 20], [1, 1, 1, 1], 4, {"supervision": supervision})


@pytest.mark.parametrize("given", [True, {"scale": 0.2}, {"classes": 7}])
def test_the_row_s_classes_are_those_of_the_model(given: object) -> None:
    row = [[8, 12, 16, 20], [1, 1, 1, 1], 4, {"supervision": given}]
    args, _ = RevCol.parse_row(row, 3, 7)
    model = RevCol(*args)
    assert model.supervision.classifiers[0].linear.out_features == 7
    assert row[3] == {"supervision": given}


def test_a_row_with_other_classes_than_the_model_is_refused() -> None:
    with pytest.raises(ValueError, match="leave `classes` out"):
        RevCol.parse_row([[8, 12, 16, 20], [1, 1, 1, 1], 4, {"supervision": {"classes": 6}}], 3, 7)


@pytest.mark.skipif(not dist.is_available(), reason="torch without torch.distributed")
@pytest.mark.parametrize("options", [{}, {"static_graph": True}, {"find_unused_parameters": True}])
def test_distributed_training_in_every_epoch(options: dict[str, bool], tmp_path: Path) -> None:
    context = torch.multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    process = torch.multiprocessing.spawn(_train, (str(tmp_path / "store"), options, answers), nprocs=2, join=False)
    while not process.join():
        pass
    first, second = answers.get(), answers.get()
    assert first == second
    assert len(first) == 4


class Whole(nn.Module):
    """A model that returns its loss."""

    def __init__(self, model: RevCol) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return supervise(self, detection_loss(self.model(x)), TARGETS)


def _train(rank: int, store: str, options: dict[str, bool], answers: object) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=2)
    inside = "find_unused_parameters" in options  # the loss has to be the output then, as in YOLOv8
    model = DistributedDataParallel(Whole(network(close=2)) if inside else network(close=2), **options)
    sums = []
    for epoch in range(4):
        model.zero_grad()
        if inside:
            start_epoch(model, epoch, 4)
            model(image() + rank * 0.1).backward()
        else:
            step(model, image() + rank * 0.1, epoch=epoch, epochs=4, last=True)
        sums.append(sum(float(value.double().sum()) for value in grads(model).values()))
    answers.put(sums)
    dist.destroy_process_group()
