"""What is told about a checkpoint before anything is converted."""

from __future__ import annotations

import argparse
import pickle
import sys
import types

import pytest
import torch
from torch import nn

from yolopatch.payload.revcol import RevCol
from yolopatch.workflows.checkpoint import describe, infer_settings, match, read_checkpoint

CHANNELS, BLOCKS = [4, 6, 8, 10], [1, 2, 1, 1]


def official(columns=3, **options):
    """A backbone's weights and, as the official training saves them, a classifier."""
    return {**RevCol(CHANNELS, BLOCKS, columns, **options).state_dict(), "cls.classifier.1.weight": torch.ones(5, 10)}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ""),
        ({"columns": 4}, ""),
        ({"kernel_size": 7}, ", kernel_size 7"),
        ({"in_channels": 1}, ", in_channels 1"),
        ({"stem": "overlap"}, ", stem overlap"),
        ({"deep_up": True}, ", deep_up True"),
        ({"layer_scale": 0}, ", layer_scale 0.0"),
    ],
)
def test_every_option_that_changes_the_weights_is_inferred(options, told):
    text = f"channels [4, 6, 8, 10], blocks [1, 2, 1, 1], {options.get('columns', 3)} columns{told}"
    assert describe(infer_settings(official(**options))) == text


def test_the_architecture_of_the_papers_small_is_inferred_without_any_memory():
    with torch.device("meta"):
        model = RevCol([64, 128, 256, 512], [2, 2, 4, 2], 8)
    text = "channels [64, 128, 256, 512], blocks [2, 2, 4, 2], 8 columns"
    assert describe(infer_settings(model.state_dict())) == text


def test_a_comparison_copies_nothing_and_warns_of_nothing(recwarn):
    weights = official()
    report = match(infer_settings(weights), weights)
    assert set(report.used) == set(weights) - {"cls.classifier.1.weight"}
    assert (report.dropped, report.missing) == (("cls.classifier.1.weight",), ())
    assert not [warning for warning in recwarn if "meta" in str(warning.message)]


@pytest.mark.parametrize(
    ("names", "looks"),
    [
        (["model.0.conv.weight", "model.1.bn.bias"], "it looks like a YOLO checkpoint"),
        (["downsample_layers.0.0.weight", "stages.0.0.gamma"], "it looks like a ConvNeXt"),
        (["conv1.weight", "fc.bias"], "it begins with conv1.weight, fc.bias"),
    ],
)
def test_weights_of_another_network_are_named(names, looks):
    with pytest.raises(ValueError, match=looks):
        infer_settings({name: torch.ones(1) for name in names})


def test_a_stem_that_is_missing_is_named():
    with pytest.raises(ValueError, match=r"no convolution called stem\.0\.weight"):
        infer_settings({name: value for name, value in official().items() if not name.startswith("stem.")})


class CfgNode(dict):
    """As yacs has it: a dict with attributes of its own."""

    def __init__(self, content):
        super().__init__(content)
        self.__dict__["__immutable__"] = True


CfgNode.__module__, CfgNode.__qualname__ = "yacs.config", "CfgNode"


@pytest.fixture
def with_yacs(monkeypatch):
    module = types.ModuleType("yacs.config")
    module.CfgNode = CfgNode
    monkeypatch.setitem(sys.modules, "yacs", types.ModuleType("yacs"))
    monkeypatch.setitem(sys.modules, "yacs.config", module)


@pytest.mark.skipif(not hasattr(torch.serialization, "safe_globals"), reason="torch before 2.5 refuses them")
@pytest.mark.parametrize("as_zip", [True, False])
@pytest.mark.usefixtures("with_yacs")
def test_what_the_official_training_pickles_beside_the_weights_does_not_disturb(tmp_path, as_zip):
    path = tmp_path / "best.pth"
    extras = {
        "config": CfgNode({"MODEL": CfgNode({"TYPE": "revcol_tiny", "SIZES": [1, 2]})}),
        "input": input,
        "args": argparse.Namespace(lr=0.1),
    }
    weights = official()
    torch.save({"model": weights, "epoch": 3, **extras}, path, _use_new_zipfile_serialization=as_zip)
    del sys.modules["yacs"], sys.modules["yacs.config"]
    before = set(torch.serialization.get_safe_globals())
    assert torch.equal(read_checkpoint(path)["stem.0.weight"], weights["stem.0.weight"])
    assert set(torch.serialization.get_safe_globals()) == before


class Opens:
    """A pickle that would run code."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def test_a_foreign_object_is_refused_and_never_run(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"model": official(), "extra": Opens(tmp_path / "hacked")}, path)
    with pytest.raises(ValueError, match=r"it holds a pickled \S*open, .*save its weights alone"):
        read_checkpoint(path)
    assert not (tmp_path / "hacked").exists()


def test_a_pickled_yolo_is_called_one(tmp_path, monkeypatch):
    module = types.ModuleType("models.yolo")
    module.Model = type("Model", (nn.Linear,), {"__module__": "models.yolo"})
    monkeypatch.setitem(sys.modules, "models.yolo", module)
    monkeypatch.setitem(sys.modules, "models", types.ModuleType("models"))
    torch.save({"model": module.Model(2, 2)}, tmp_path / "yolo.pt")
    with pytest.raises(ValueError, match=r"it holds a pickled models\.yolo\.Model: it looks like a YOLO"):
        read_checkpoint(tmp_path / "yolo.pt")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", pickle.dumps("x")[:-1], None])
def test_a_damaged_checkpoint_is_one_line(tmp_path, content):
    path = tmp_path / "w.pth"
    torch.save(official(), path)
    path.write_bytes(path.read_bytes()[:3000] if content is None else content)
    with pytest.raises(ValueError, match=r"it is damaged, or torch\.save did not write it") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [{"epoch": 3, "optimizer": {"lr": 0.1}}, [1, 2], {"model": {"step": 3}}])
def test_a_checkpoint_without_tensors_is_told(tmp_path, content):
    torch.save(content, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="it holds no tensors"):
        read_checkpoint(tmp_path / "w.pth")


def test_a_missing_file_is_named(tmp_path):
    for path in (tmp_path / "w.pth", tmp_path / "w.safetensors"):
        with pytest.raises(FileNotFoundError, match="there is no such file"):
            read_checkpoint(path)
