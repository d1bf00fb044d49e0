"""`--set`: options of RevCol's row, checked before anything is fetched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
TINY = ("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none")


def row(text: str) -> dict[str, object]:
    """The options of RevCol's row in a rendered YAML."""
    (found,) = [args for _, _, module, args in yaml.safe_load(text)["backbone"] if module == "RevCol"]
    return found[3]


def render(run, *args: str, yolo: str = "v8"):
    return run("render", "--yolo", yolo, "--variant", "revcol-a", *args, env={"YOLOPATCH_DATA": str(PROJECT)})


@pytest.mark.parametrize(("yolo", "scale"), [("v7", 0.01), ("v9", 0.1)])
def test_supervision_gets_the_scale_of_the_yolo_s_loss(run, yolo, scale):
    assert row(render(run, "--set", "supervision=true", yolo=yolo).stdout)["supervision"] == {"scale": scale}


def test_values_are_yaml_and_win_over_the_variant_s(run):
    text = render(run, "--set", "supervision={close: 5, scale: 0.3}", "--set", "stem=patch").stdout
    assert row(text)["supervision"] == {"close": 5, "scale": 0.3}
    assert row(text)["stem"] == "patch"
    assert row(text)["init"] == "kaiming"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("fusion",), "write NAME=VALUE"),
        (("fusion=max",), "one of sum, weighted, attention"),
        (("fuson=sum",), "did you mean 'fusion'?"),
        (("stem=patch", "stem=overlap"), "stands twice"),
        (("supervision={scale: [",), "the value is no YAML"),
        (("supervision={clos: 3}",), "did you mean 'close'?"),
        (("supervision=yes please",), "a mapping of its options"),
    ],
)
def test_a_wrong_option_is_one_line(run, given, message):
    done = render(run, *(word for text in given for word in ("--set", text)))
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_stock_has_no_row(run):
    done = run("apply", "--yolo", "tiny", "--variant", "stock", "--set", "fusion=sum")
    assert done.returncode == 2
    assert "upstream's own model" in done.stderr


def test_a_workspace_with_other_options_is_another(run, work):
    assert run(*TINY, "--set", "stem=patch").returncode == 0
    lock = json.loads((work / "yolotiny-revcol-x" / "yolopatch.lock").read_text())
    assert lock["inputs"]["options"] == {"stem": "patch"}
    assert "up to date" in run(*TINY, "--set", "stem=patch").stdout
    refused = run(*TINY)
    assert refused.returncode == 2
    assert "options" in refused.stderr
