"""Official weights go into a RevCol whole, or not at all, and the message says what the file is instead."""

from __future__ import annotations

import copy
import json
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from yolopatch.payload.revcol import RevCol, load_official
from yolopatch.payload.revcol.weights import load_file, read_weights

CHANNELS, BLOCKS = [4, 6, 8, 10], [1, 2, 1, 1]


def tiny(columns: int = 3, **options: Any) -> RevCol:
    return RevCol(CHANNELS, BLOCKS, columns, **options)


def official(columns: int = 3, **options: Any) -> dict[str, Tensor]:
    """A backbone's weights and, as the official training saves them, its classifiers and decoders."""
    torch.manual_seed(7)
    state = {name: torch.randn_like(value) for name, value in tiny(columns, **options).state_dict().items()}
    state["cls_blocks.0.classifier.1.weight"] = torch.randn(5, 10)
    state["decoder_blocks.1.projback.0.bias"] = torch.randn(48)
    return state


def prefixed(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


def refusal(state: dict[str, Any], model: RevCol | None = None) -> str:
    """The message of a load that must fail, and must leave the model as it was."""
    model = model or tiny()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match="it ") as caught:
        load_official(model, state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"model": state, "epoch": 3, "optimizer": {"state": {}}, "state_dict_ema": None},
        lambda state: {"state_dict": state, "meta": {"epoch": 12}},
        lambda state: {"model": prefixed("module.", state)},
        lambda state: {"state_dict": prefixed("module.backbone.", state)},
    ],
)
def test_every_way_that_a_checkpoint_is_wrapped_loads_whole(wrap: Callable[[dict[str, Tensor]], Any]) -> None:
    state, model = official(), tiny()
    report = load_official(model, wrap(state))
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name])
    assert report.used == tuple(name for name in state if name in model.state_dict())
    assert report.dropped == ("cls_blocks.0.classifier.1.weight", "decoder_blocks.1.projback.0.bias")
    assert report.missing == ()


def test_a_detectors_other_parts_are_dropped_and_named() -> None:
    state = prefixed("backbone.", tiny().state_dict())
    state |= {"neck.lateral_convs.0.conv.weight": torch.ones(1), "roi_head.bbox_head.0.fc_cls.bias": torch.ones(1)}
    report = load_official(tiny(), state)
    assert report.dropped == ("neck.lateral_convs.0.conv.weight", "roi_head.bbox_head.0.fc_cls.bias")


def test_the_third_input_of_the_official_huge_loads_under_its_own_name() -> None:
    state, model = official(deep_up=True), tiny(deep_up=True)
    load_official(model, state)
    name = "subnet1.level0.fusion.up2.channel_reschedule.0.weight"
    assert torch.equal(model.state_dict()[name], state[name])
    assert ".fusion.up2." in refusal(state, tiny())


def test_half_precision_weights_become_the_models_dtype() -> None:
    state, model = official(), tiny()
    load_official(model, {name: value.half() for name, value in state.items()})
    assert model.state_dict()["stem.0.weight"].dtype is torch.float32
    assert torch.equal(model.state_dict()["stem.0.weight"], state["stem.0.weight"].half().float())


@pytest.mark.parametrize("fusion", ["weighted", "attention"])
def test_what_a_learned_fusion_has_more_stays_as_it_starts_and_is_reported(fusion: str) -> None:
    state, model = official(), tiny(fusion=fusion)
    report = load_official(model, state)
    assert report.missing
    assert all(".fusion.weigh." in name for name in report.missing)
    plain = tiny()
    load_official(plain, state)
    image = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        for left, right in zip(model.eval()(image), plain.eval()(image), strict=True):
            torch.testing.assert_close(left, right)


def test_half_of_a_learned_fusion_is_refused() -> None:
    model = tiny(fusion="attention")
    state = model.state_dict()
    lost = next(name for name in state if ".fusion.weigh." in name)
    del state[lost]
    assert refusal(dict(state), tiny(fusion="attention")) == f"it lacks {lost} (the first of 1 differences)"


@pytest.mark.parametrize(
    ("state", "looks"),
    [
        (official(4), "channels [4, 6, 8, 10], blocks [1, 2, 1, 1], 4 columns"),
        (RevCol([4, 6, 8, 12], BLOCKS, 3).state_dict(), "channels [4, 6, 8, 12], blocks [1, 2, 1, 1], 3 columns"),
        (RevCol(CHANNELS, [1, 1, 2, 1], 3).state_dict(), "channels [4, 6, 8, 10], blocks [1, 1, 2, 1], 3 columns"),
    ],
)
def test_weights_of_another_revcol_are_told_apart(state: dict[str, Tensor], looks: str) -> None:
    has = "channels [4, 6, 8, 10], blocks [1, 2, 1, 1], 3 columns"
    assert refusal(state) == f"it has {looks}; this model has {has}"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"kernel_size": 7}, "blocks.0.dwconv.weight of [4, 1, 7, 7], the model [4, 1, 3, 3]"),
        ({"in_channels": 1}, "stem.0.weight of [4, 1, 4, 4], the model [4, 3, 4, 4]"),
        ({"stem": "overlap"}, "it has stem.3.weight, which the model has not"),
        ({"layer_scale": 0}, "it lacks subnet0.level0.blocks.0.gamma"),
    ],
)
def test_weights_with_other_options_are_told_apart_by_a_name(options: dict[str, Any], told: str) -> None:
    assert told in refusal(official(**options))


@pytest.mark.parametrize(
    ("state", "looks"),
    [
        (
            {"model.0.conv.weight": torch.ones(1), "model.1.bn.bias": torch.ones(1)},
            "model.0.conv.weight, model.1.bn.bias",
        ),
        ({name: torch.ones(1) for name in "abcd"}, "a, b, c"),
        ({"epoch": 3, "optimizer": {"lr": 0.1}}, "no weights at all"),
    ],
)
def test_weights_of_another_network_are_told_by_their_first_names(state: dict[str, Any], looks: str) -> None:
    assert f"it has no RevCol names (it begins with {looks}); this model has channels " in refusal({"model": state})


def test_a_missing_name_an_unknown_one_and_a_wrong_shape_are_named() -> None:
    state = official()
    del state["subnet1.level2.blocks.0.norm.bias"]
    assert refusal(state) == "it lacks subnet1.level2.blocks.0.norm.bias (the first of 1 differences)"
    del state["stem.1.bias"]
    assert refusal(state) == "it lacks stem.1.bias (the first of 2 differences)"
    assert refusal({**official(), "norm.weight": torch.ones(4)}).startswith("it has norm.weight, which the model has")
    assert "subnet1.alpha3 of [10], the model [1, 10" in refusal({**official(), "subnet1.alpha3": torch.ones(10)})


@pytest.mark.parametrize(
    "change",
    [
        lambda value: value.long(),
        lambda value: value.to_sparse(),
        lambda value: value.to("meta"),
        lambda value: value.tolist(),
    ],
)
def test_what_is_no_dense_tensor_of_numbers_is_no_weight(change: Callable[[Tensor], Any]) -> None:
    state: dict[str, Any] = official()
    state["subnet1.alpha3"] = change(state["subnet1.alpha3"])
    assert refusal(state).startswith("it lacks subnet1.alpha3")


# Files


class Opens:
    """A pickle that would run code."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


def test_a_foreign_object_is_refused_and_never_run(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    torch.save({"model": official(), "extra": Opens(tmp_path / "hacked")}, path)
    told = r"evil\.pth: it cannot be read \(\w+\); convert it with `yolopatch weights convert FILE OUT` first"
    with pytest.raises(ValueError, match=told) as caught:
        load_file(tiny(), path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", pickle.dumps("x")[:-1], pickle.dumps([1]), None])
def test_a_damaged_checkpoint_is_one_line(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "w.pth"
    torch.save(official(), path)
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    with pytest.raises(ValueError, match=r"w\.pth: it cannot be read \(\w+\); convert it") as caught:
        load_file(tiny(), path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no/w\.pth: there is no such file; .* relative to the working dir"):
        load_file(tiny(), "no/w.pth")
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path)


@pytest.mark.parametrize("name", ["w.pth", "w.safetensors"])
def test_a_file_goes_into_the_model_or_is_named(tmp_path: Path, name: str) -> None:
    for columns in (3, 4):
        state = official(columns)
        if name == "w.pth":
            torch.save({"model": prefixed("module.", state)}, tmp_path / name)
        else:
            pytest.importorskip("safetensors.torch").save_file(state, tmp_path / name)
        if columns == 3:
            model = tiny()
            assert len(load_file(model, str(tmp_path / name)).used) == len(model.state_dict())
            assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
        else:
            with pytest.raises(ValueError, match=rf"{name}: it has channels .* 4 columns; this model has .* 3 columns"):
                load_file(tiny(), tmp_path / name)


def test_the_option_of_a_row_starts_the_model_from_a_file(tmp_path: Path) -> None:
    torch.save(official(), tmp_path / "w.pth")
    model = tiny(weights=str(tmp_path / "w.pth"))
    assert all(torch.equal(value, official()[name]) for name, value in model.state_dict().items())


def write(path: Path, header: object, data: bytes, length: int | None = None) -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(raw) if length is None else length) + raw + data)
    return path


def entry(begin: int, end: int, shape: object = (2,), dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_safetensors_are_read_by_name_in_any_order_and_at_any_offset(tmp_path: Path) -> None:
    data = struct.pack("<4f", 1, 2, 3, 4) + struct.pack("<d", -5) + b"\x80\x3f" + struct.pack("<q", 7)
    header = {
        "__metadata__": {"format": "pt"},
        "b": entry(8, 16, [1, 2]),
        "a": entry(0, 8),
        "scalar": entry(16, 24, [], "F64"),
        "half": entry(24, 26, [1], "BF16"),
        "counter": entry(26, 34, [1], "I64"),
    }
    found = read_weights(write(tmp_path / "odd.safetensors", header, data))  # the header's length is odd on purpose
    assert found["a"].tolist() == [1, 2]
    assert found["b"].tolist() == [[3, 4]]
    assert (found["scalar"].item(), found["scalar"].dtype) == (-5, torch.float64)
    assert (found["half"].tolist(), found["half"].dtype) == ([1.0], torch.bfloat16)
    assert "counter" not in found


@pytest.mark.parametrize("name", ["float64", "float32", "float16", "bfloat16"])
def test_what_the_safetensors_library_writes_is_read_back(tmp_path: Path, name: str) -> None:
    library = pytest.importorskip("safetensors.torch")
    tensor = torch.randn(3, 5, 2).mul(3).to(getattr(torch, name))
    library.save_file({"x": tensor, "y": tensor[0].clone()}, tmp_path / "x.safetensors", metadata={"format": "pt"})
    found = read_weights(tmp_path / "x.safetensors")
    assert torch.equal(found["x"], tensor)
    assert torch.equal(found["y"], tensor[0])


EIGHT = b"\0" * 8


@pytest.mark.parametrize(
    ("header", "data", "length"),
    [
        ({"a": entry(0, 8)}, EIGHT[:7], None),  # cut short
        ({"a": entry(0, 8)}, EIGHT, 10**12),  # a header longer than the file
        ({"a": entry(0, 8), "b": entry(4, 12)}, EIGHT + EIGHT[:4], None),  # overlap
        ({"a": entry(0, 8), "b": entry(12, 20)}, EIGHT * 2 + EIGHT[:4], None),  # a hole
        ({"a": entry(0, 8, [3])}, EIGHT, None),  # the shape does not fit the bytes
        ({"a": entry(-8, 0)}, EIGHT, None),
        ({"a": entry(8, 0)}, EIGHT, None),
        ({"a": entry(0, 8, [-1, -2])}, EIGHT, None),
        ({"a": entry(0, 8, [True, 2])}, EIGHT, None),
        ({"a": entry(0, 8, "2")}, EIGHT, None),
        ({"a": entry(0, 8, None)}, EIGHT, None),
        ({"a": entry(0, 0, [0, 10**30])}, b"", None),
        ({"a": entry(0, 8, [2], "F99")}, EIGHT, None),
        ({"a": entry(0, 8, [2], ["F32"])}, EIGHT, None),
        ({"a": {"dtype": "F32", "shape": [2]}}, EIGHT, None),
        ({"a": 3}, EIGHT, None),
        ([1, 2], b"", None),
        (b"{not json", b"", None),
        (b"\xff\xfe{}", b"", None),
        (b"[" * 100_000, b"", None),
        ({}, b"", None),
        (b"", b"", None),
    ],
)
def test_malformed_safetensors_are_refused(tmp_path: Path, header: object, data: bytes, length: int | None) -> None:
    path = write(tmp_path / "bad.safetensors", header, data, length)
    with pytest.raises(ValueError, match=r"bad\.safetensors: it") as caught:
        load_file(tiny(), path)
    assert "\n" not in str(caught.value)


def test_every_cut_of_a_safetensors_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "w.safetensors", {"a": entry(0, 8), "b": entry(8, 16)}, EIGHT * 2)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=re.escape(f"{path}: it cannot be read")):
            load_file(tiny(), path)
