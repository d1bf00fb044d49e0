"""The GitHub Action and the workflows: what is declared is used, and the scripts do here what they do on a runner."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import yaml

from tests.validation import small
from yolopatch.catalog import Catalog

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / ".github" / "scripts"
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
STEPS = ACTION["runs"]["steps"]
posix = pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs bash")


def expressions(value):
    """Everything between ${{ and }} anywhere in a document."""
    if isinstance(value, dict):
        return [found for part in value.values() for found in expressions(part)]
    if isinstance(value, list):
        return [found for part in value for found in expressions(part)]
    return re.findall(r"\$\{\{(.*?)\}\}", value) if isinstance(value, str) else []


@pytest.mark.parametrize("file", [ROOT / "action.yml", *WORKFLOWS], ids=lambda file: file.name)
def test_it_is_what_github_reads(file):
    tool = shutil.which("check-jsonschema", path=str(Path(sys.executable).parent)) or shutil.which("check-jsonschema")
    if tool is None:
        pytest.skip("check-jsonschema is not installed; the extra dev brings it")
    schema = "github-actions" if file.name == "action.yml" else "github-workflows"
    done = subprocess.run([tool, "--builtin-schema", f"vendor.{schema}", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_input_is_used_and_every_one_that_is_used_is_declared():
    used = {name for text in expressions(STEPS) for name in re.findall(r"inputs\.([\w-]+)", text)}
    assert used == set(ACTION["inputs"])
    for step in STEPS:
        for name, value in step.get("env", {}).items():
            if name.startswith("INPUT_"):
                assert value == f"${{{{ inputs.{name.removeprefix('INPUT_').lower()} }}}}"


def test_every_variable_of_a_step_is_read_by_its_script_and_every_one_that_is_read_is_given():
    runner = {"RUNNER_TEMP", "RUNNER_OS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_ACTION", "REMOTE"}
    for step in [one for one in STEPS if "run" in one]:
        (script,) = re.findall(r"\.github/scripts/([\w.]+)", step["run"])
        text = (SCRIPTS / script).read_text() + step["run"]
        for other in re.findall(r"\.github/scripts/([\w.]+)", text):
            text += (SCRIPTS / other).read_text()
        read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)|environ(?:\.get\(|\[)[\"']([A-Z_]+)", text))
        names = {one or other for one, other in read} - runner
        assert names - {"YOLOPATCH_CACHE"} == set(step["env"]) - {"YOLOPATCH_CACHE"}, script


def test_outputs_are_those_that_a_script_gives():
    text = "".join(file.read_text() for file in SCRIPTS.iterdir() if file.is_file())
    ids = {step["id"] for step in STEPS if "id" in step}
    for output in ACTION["outputs"].values():
        ((step, name),) = re.findall(r"steps\.(\w+)\.outputs\.(\w+)", output["value"])
        assert step in ids
        assert f"{name}=" in text


@pytest.mark.parametrize("file", [ROOT / "action.yml", *WORKFLOWS], ids=lambda file: file.name)
def test_no_expression_stands_in_shell_text(file):
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    jobs = document.get("jobs", {"": document.get("runs")})
    for step in [step for job in jobs.values() for step in job["steps"]]:
        assert "${{" not in step.get("run", "")
        if "uses" in step and not step["uses"].startswith("./"):
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])


def test_the_workflow_asks_the_action_for_inputs_and_outputs_that_it_has():
    job = yaml.safe_load((ROOT / ".github/workflows/validate.yml").read_text())["jobs"]["validate"]
    ours = [step for step in job["steps"] if step.get("uses") == "./"]
    assert len(ours) == 2
    for step in ours:
        assert set(step["with"]) <= set(ACTION["inputs"])
        for name in re.findall(rf"steps\.{step['id']}\.outputs\.(\w+)", str(job)):
            assert name in ACTION["outputs"]
    assert list(Catalog().supported) == job["strategy"]["matrix"]["upstream"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return small.make(tmp_path_factory.mktemp("action"))


@pytest.fixture
def step(place, tmp_path):
    """Runs a script as a runner does; its exit code, what it said, its outputs and its summary."""
    output, summary = tmp_path / "output", tmp_path / "summary.md"

    def call(script, **variables):
        for file in (output, summary):
            file.write_text("")
        runner = {"RUNNER_TEMP": str(tmp_path), "RUNNER_OS": "Linux"}
        runner |= {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary), "ACTION_PATH": str(ROOT)}
        program = "bash" if script.endswith(".sh") else sys.executable
        done = subprocess.run(
            [program, str(SCRIPTS / script)],
            cwd=place.folder,
            env={**place.variables, "PYTHON": sys.executable, **runner, **variables},
            capture_output=True,
            text=True,
        )
        return done, dict(line.split("=", 1) for line in output.read_text().splitlines()), summary.read_text()

    return call


def inputs(**given):
    """The variables of the step: the action's defaults, and what is given."""
    return {f"INPUT_{name.upper()}": given.get(name, one["default"]) for name, one in ACTION["inputs"].items()}


@posix
def test_the_action_validates_and_tells_the_runner(step, place):
    given = {"upstream": "tiny", "pins": "v3", "variants": "stock,revcol-x", "heads": "p3-p5", "level": "build"}
    done, outputs, summary = step("validate.sh", **inputs(**given))
    assert done.returncode == 1, done.stdout + done.stderr
    assert outputs["failed"] == "1"
    report = json.loads(Path(outputs["report"]).read_text())
    assert [cell["status"] for cell in report["cells"]] == ["ok", "failed"]
    assert ET.parse(outputs["junit"]).getroot().get("failures") == "1"
    assert "| tiny | v3 | revcol-x | p3-p5 | detect | **failed: apply** |" in summary.replace("\\-", "-")
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("::error")]
    assert len(lines) == 1
    assert lines[0].startswith("::error title=tiny v3 revcol-x p3-p5 detect%3A failed%3A apply::")


@posix
@pytest.mark.parametrize(
    "given",
    [
        {"upstream": "tiny; touch owned"},
        {"upstream": "$(touch owned)"},
        {"upstream": "tiny\nother"},
        {"pins": "$(touch owned)`touch owned`"},
        {"variants": "x --fresh; touch owned"},
        {"heads": "--help"},
        {"remote": "ext::sh -c touch% owned"},
        {"level": "-h"},
    ],
)
def test_a_hostile_input_is_a_wrong_name_and_never_run(step, place, given):
    done, outputs, _ = step("validate.sh", **inputs(**{"upstream": "tiny", **given}))
    assert done.returncode in (2, 3), done.stdout + done.stderr
    assert outputs["failed"] == "" or done.returncode == 3
    assert "::error title=yolopatch validate::" in done.stdout or done.returncode == 3
    assert not (place.folder / "owned").exists()


def test_the_key_of_the_cache_changes_with_the_patches_and_what_is_asked(step, tmp_path):
    def key(**variables):
        done, outputs, _ = step("cache.py", **{**inputs(), **variables})
        assert done.returncode == 0, done.stderr
        assert Path(outputs["cache"]).is_dir()
        assert outputs["key"].startswith(outputs["prefix"])
        return outputs["key"]

    first = key()
    assert key() == first
    assert key(INPUT_UPSTREAM="v5") != first
    shutil.copytree(ROOT / "patches" / "v9", tmp_path / "copy" / "patches" / "v9")
    other = key(ACTION_PATH=str(tmp_path / "copy"))
    (tmp_path / "copy" / "patches" / "v9" / "probe.yaml").write_text("x")
    assert len({first, other, key(ACTION_PATH=str(tmp_path / "copy"))}) == 3


@posix
def test_the_drift_of_a_history_is_said_as_text(step, place):
    done, outputs, summary = step("drift.sh", UPSTREAM="tiny", REMOTE=place.tiny.url)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "no series fits" in summary
    assert "&lt;/pre&gt;&lt;script&gt; models/yolo.py" in summary
    assert summary.count("<pre>") == summary.count("</pre>") == 1
    assert ET.parse(outputs["junit"]).getroot().get("failures") == "1"
