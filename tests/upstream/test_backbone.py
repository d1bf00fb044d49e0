"""RevCol inside upstream's own models: fused, trained, continued from a checkpoint, started from official weights."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from yolopatch.catalog import STRIDES, Catalog
from yolopatch.verify import process
from yolopatch.workflows.plan import make_plan
from yolopatch.workflows.render import render_form

CATALOG = Catalog()
FORMS = [
    (yolo, form.name)
    for yolo in CATALOG.yolos
    for form in CATALOG.upstream(yolo).forms
    if form.default or form.name != "detect"  # Detect of v7 and v9: another head on the same rows as the default
]
SCRIPT = Path(__file__).with_name("in_tree.py")
pytestmark = pytest.mark.usefixtures("registry")


@pytest.fixture(scope="session")
def answers(small, tmp_path_factory):
    """What `in_tree.py` finds in the small workspace of a YOLO; it runs once for each form."""
    found = {}

    def get(yolo, name):
        if (yolo, name) not in found:
            found[yolo, name] = _ask(small(yolo), yolo, name, tmp_path_factory.mktemp("in-tree"))
        return found[yolo, name]

    return get


def _ask(folder, yolo, name, scratch):
    plan, other = (make_plan(CATALOG, yolo, "revcol-a", head=head) for head in ("p3-p5", "p2-p5"))
    form = CATALOG.form(plan.upstream, name)
    (scratch / "p2.yaml").write_text(render_form(CATALOG, other, form).text)
    request = {
        "probe": str(Path(process.__file__).with_name("probe")),
        "spec": CATALOG.probe(yolo).for_form(name).model_dump(mode="json", by_alias=True),
        "config": plan.config(form),
        "other": str(scratch / "p2.yaml"),
        "strides": list(STRIDES[plan.head]),
        "nc": plan.classes,
        "device": "cpu",
        "scratch": str(scratch),
    }
    (scratch / "request.json").write_text(json.dumps(request))
    # Whoever imports yolopatch in there fails.
    (scratch / "block").mkdir()
    (scratch / "block" / "yolopatch.py").write_text("raise ImportError('a patched tree must not import yolopatch')\n")
    env = {**process.environment(scratch), "PYTHONPATH": str(scratch / "block")}
    command = [sys.executable, "-B", str(SCRIPT), str(scratch / "request.json")]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return json.loads((scratch / "answers.json").read_text())


@pytest.mark.parametrize(("yolo", "form"), FORMS)
def test_upstreams_fuse_folds_the_blocks_and_keeps_the_outputs(yolo, form, answers):
    found = answers(yolo, form)["fuse"]
    assert found["linears"] == 4 * 6  # revcol-a: columns times blocks
    assert found["unfolded"] == []
    assert found["difference"] <= 1e-4
    assert found["is_fused"]


@pytest.mark.parametrize(("yolo", "form"), FORMS)
def test_the_first_twenty_losses_are_those_of_plain_mode_bit_for_bit(yolo, form, answers):
    found = answers(yolo, form)["losses"]
    exact, plain = found["default"], found["plain"]
    assert (exact["mode"], plain["mode"]) == ("exact", "plain")
    assert exact["records"] > 0  # the exact mode did run
    assert plain["records"] == 0
    assert len(set(exact["losses"])) == 20
    assert all(map(math.isfinite, exact["losses"]))
    assert exact["losses"] == plain["losses"]
    assert found["unequal_weights"] == []


@pytest.mark.parametrize(("yolo", "form"), FORMS)
def test_a_checkpoint_brings_the_whole_backbone_to_another_head(yolo, form, answers):
    found = answers(yolo, form)["transfer"]
    assert found["backbone"] > 100
    assert found["left_out"] == found["unequal"] == []
    assert found["backbone"] <= found["transferred"] < found["items"]


@pytest.mark.parametrize(("yolo", "form"), FORMS)
def test_a_row_names_a_file_of_weights_and_needs_no_yolopatch(yolo, form, answers):
    found = answers(yolo, form)["weights"]
    assert len(found["unequal"][""]) == found["items"] > 100  # without a file nothing is the file's
    assert found["unequal"]["official.pth"] == found["unequal"]["official.safetensors"] == []
