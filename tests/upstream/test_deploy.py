"""`yolopatch deploy` on upstream's own models: the deploy form predicts what the trained one did."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from yolopatch.catalog import Catalog
from yolopatch.console import Reporter
from yolopatch.verify import process
from yolopatch.workflows import deploy as workflow
from yolopatch.workspace.lock import read_lock

CATALOG = Catalog()
SCRIPT = Path(__file__).with_name("in_tree_deploy.py")
# Where the auxiliary outputs are in what the model gives in training.
AUXILIARY = {"iauxdetect": [[3, 6]], "dualddetect": [0]}
LOADERS = {
    "v7": ("models.experimental:attempt_load", {"map_location": "cpu"}),
    "v8": (None, {}),
    "v9": ("models.experimental:attempt_load", {"device": "cpu"}),
}
SUPERVISED = {"supervision": {}, "weights": ""}
CASES = [
    ("v7", "iauxdetect", "detect", SUPERVISED),
    ("v7", "idetect", "detect", {}),
    ("v8", "detect", "detect", SUPERVISED),
    ("v9", "dualddetect", "ddetect", {}),
]
pytestmark = pytest.mark.usefixtures("registry")


def in_tree(folder, scratch, **request):
    """Run the script in the workspace; its answer."""
    request["answer"] = str(scratch / "answer.json")
    (scratch / "request.json").write_text(json.dumps(request))
    command = [sys.executable, "-B", str(SCRIPT), str(scratch / "request.json")]
    done = subprocess.run(command, cwd=folder, env=process.environment(scratch), capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    return json.loads((scratch / "answer.json").read_text())


def make(folder, scratch, yolo, form, options):
    """A checkpoint of that form, as training leaves it midway; what the script found out about it."""
    spec = CATALOG.probe(yolo).for_form(form)
    return in_tree(
        folder,
        scratch,
        do="make",
        config=read_lock(folder).configs[form],
        model=spec.model.class_[0],
        options=options,
        auxiliary=AUXILIARY.get(form),
        weights=str(scratch / "last.pt"),
    )


def deploy(environment, *args):
    """Run the command; exit code and document."""
    command = [sys.executable, "-m", "yolopatch", "deploy", *map(str, args), "--json"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def deployed(small, tmp_path_factory):
    """For a case: what is said of the trained model, by the command, and of its result."""
    found = {}

    def get(yolo, form, target, options):
        if (yolo, form) in found:
            return found[yolo, form]
        scratch = tmp_path_factory.mktemp(f"deploy-{form}")
        folder = small(yolo)
        made = make(folder, scratch, yolo, form, options)
        report = workflow.deploy(
            folder, scratch / "last.pt", form=form, out=None, force=False, python=None, reporter=Reporter(quiet=True)
        ).to_json()
        loader, arguments = LOADERS[yolo]
        decoded = [CATALOG.probe(yolo).for_form(name).decoded for name in (form, target)]
        looked = in_tree(
            folder,
            scratch,
            do="look",
            weights=str(scratch / "last.pt"),
            deployed=report["out"],
            loader=loader,
            loader_arguments=arguments,
            layout=decoded[0].layout,
            paths={"weights": decoded[0].path, "deployed": decoded[1].path},
        )
        found[yolo, form] = made, report, looked
        return found[yolo, form]

    return get


@pytest.mark.parametrize(("yolo", "form", "target", "options"), CASES)
def test_predictions_stay_and_nothing_of_training_does(yolo, form, target, options, deployed):
    _, report, looked = deployed(yolo, form, target, options)
    assert looked["spread"] > 0.01  # the predictions do say something
    assert looked["difference"] <= 1e-4
    assert report["max_difference"] <= report["tolerance"] == 1e-4
    assert (report["form"], report["deployed_form"]) == (form, target)
    assert looked["head"] == report["deployed_head"] == CATALOG.form(CATALOG.upstream(yolo), target).detector
    assert looked["names"] == "class 0"
    assert looked["training_only"] == []
    assert looked["optimizer"] is looked["ema"] is None
    assert not looked["wants_gradients"]
    assert "torch.float16" in looked["dtypes"]
    assert report["deployed_bytes"] < 0.6 * report["bytes"]


@pytest.mark.parametrize(("yolo", "form", "target", "options"), CASES)
def test_the_yaml_is_the_trained_one_without_what_detection_does_not_use(yolo, form, target, options, deployed):
    _, report, looked = deployed(yolo, form, target, options)
    channels, *_, settings = looked["revcol"]
    assert channels == [16, 32, 64, 136]  # edited before training; the workspace's YAML says 128
    assert settings.keys() == {"stem", "init", "layer_scale"}
    assert len(looked["rows"]) == report["deployed_rows"]
    assert looked["rows"].count("PickLevel") == 3
    if form in AUXILIARY:
        assert report["rows"] - report["deployed_rows"] == 6  # three levels of a column, one row on each
        assert report["deployed_parameters"] < report["parameters"]


@pytest.mark.parametrize(("yolo", "form", "target", "options"), [case for case in CASES if case[1] in AUXILIARY])
def test_the_auxiliary_loss_trains_its_branch_and_the_columns_up_to_its_own(yolo, form, target, options, deployed):
    made, _, _ = deployed(yolo, form, target, options)
    assert made["reached"]["columns"] == [0, 1]  # of four; the branch takes the second one's levels
    assert made["reached"]["rows"][0] == "RevCol"
    assert len(made["reached"]["rows"]) == 1 + 3 + 1  # the backbone, a row on each level, the head


def test_refusals_are_one_line_and_write_nothing(deployed, small, environment, tmp_path):
    _, report, _ = deployed(*CASES[3])
    weights, taken = Path(report["weights"]), Path(report["out"])
    before = taken.read_bytes()
    for folder, file, options, words in (
        ("v9", weights, (), "exists; name another --out, or give --force"),
        ("v9", weights, ("--form", "ddetect", "--out", tmp_path / "a.pt"), "was trained as form dualddetect"),
        ("v7", weights, ("--out", tmp_path / "b.pt"), "cannot be read by this workspace's code"),
    ):
        code, found = deploy(environment, small(folder), "--weights", file, *options)
        assert code == found["error"]["exit_code"] == 2
        assert words in found["error"]["message"]
        assert "\n" not in found["error"]["message"]
    assert taken.read_bytes() == before
    assert list(tmp_path.iterdir()) == []


def test_a_tree_whose_deploy_head_differs_fails_the_check_and_writes_nothing(deployed, small, environment, tmp_path):
    _, report, _ = deployed(*CASES[1])
    folder = tmp_path / "edited"
    shutil.copytree(small("v7"), folder)
    file = folder / "models" / "yolo.py"
    line = "            x[i] = self.m[i](x[i])  # conv\n"
    assert line in file.read_text()
    file.write_text(file.read_text().replace(line, line.replace("(x[i])", "(x[i]) * 1.01"), 1))  # Detect's
    code, found = deploy(environment, folder, "--weights", report["weights"], "--out", tmp_path / "out.pt")
    assert code == found["error"]["exit_code"] == 1
    assert "predictions before and after differ by" in found["error"]["message"]
    assert [file.name for file in tmp_path.iterdir()] == ["edited"]
