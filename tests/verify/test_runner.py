"""What happens to the process of the probe, and what the user is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.waiting import eventually
from yolopatch.errors import EnvironmentFailed, RequestError

ROOT = Path(__file__).parent.parent.parent


def test_a_crash_is_a_failed_level_that_names_the_signal(workspace):
    workspace.config(behaviour="segmentation fault")
    failed = workspace.verify("forward").failed
    assert failed.name == "build"
    assert failed.failure.message == "the process of the probe was killed by SIGSEGV"
    assert failed.failure.log[-1] == "upstream says something before it dies"
    assert [line.rsplit(" ", 1)[-1] for line in failed.failure.traceback[1:-1]] == ["__init__", "misbehave"]
    assert failed.failure.traceback[-1] == "Fatal Python error: Segmentation fault"


def test_an_exit_is_a_failed_level_that_names_the_code(workspace):
    workspace.config(behaviour="exit")
    assert "exit code 7" in workspace.verify().failed.failure.message


def test_a_level_that_hangs_is_stopped_and_its_process_gone(workspace, tmp_path):
    pid_file = tmp_path / "pid"
    workspace.config(behaviour="hang", pid_file=str(pid_file))
    failed = workspace.verify(timeout=3.0).failed
    assert failed.failure.message == "the process of the probe was stopped by the time limit of 3 seconds for a level"
    assert not _runs(int(pid_file.read_text()))


def test_an_exception_is_shown_with_the_frames_of_the_tree_only(workspace):
    workspace.config(behaviour="exception")
    failure = workspace.verify().failed.failure
    seen = "{'yolopatch': False, 'stdin': '', 'cwd': True}"
    assert failure.message == f"ValueError: upstream is broken {seen}"
    frames = [line for line in failure.traceback if line.startswith("  File")]
    assert [frame.rsplit(" ", 1)[-1] for frame in frames] == ["__init__", "misbehave", "outer", "inner"]
    assert all('"mini/model.py"' in frame for frame in frames)
    assert failure.rerun == f"yolopatch verify '{workspace.path}' --level build --form detect"


def test_the_report_calls_the_tree_what_the_user_calls_it(workspace):
    workspace.config(behaviour="exit")
    report = workspace.verify(shown="my-yolo")
    assert report.workspace == "my-yolo"
    assert report.failed.failure.rerun == "yolopatch verify my-yolo --level build --form detect"


def test_a_missing_package_is_a_fault_of_the_environment(workspace):
    workspace.config(behaviour="missing package")
    with pytest.raises(
        EnvironmentFailed,
        match=r"a_package_that_nobody_has.* -m pip install .*\[upstream\]' a_package_that_nobody_has$",
    ):
        workspace.verify()


@pytest.mark.skipif(sys.version_info < (3, 12), reason="python still has the module")
def test_a_module_that_no_package_provides_is_a_fault_of_the_tree(workspace):
    workspace.config(behaviour="gone package")
    assert "No module named 'imp'" in workspace.verify().failed.failure.message


def test_a_module_that_its_package_has_no_more_is_a_fault_of_the_tree(workspace):
    workspace.config(behaviour="moved module")
    assert "No module named 'yaml.was_here_once'" in workspace.verify().failed.failure.message


def test_an_interpreter_without_torch_is_a_fault_of_the_environment(workspace, tmp_path):
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name == "posix")
    python = tmp_path / "bare" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    with pytest.raises(EnvironmentFailed, match="has no module 'torch'"):
        workspace.verify(python=python)


def test_a_device_that_is_not_there_is_a_fault_of_the_environment(workspace):
    with pytest.raises(EnvironmentFailed, match="device 'cuda:97' is not available"):
        workspace.verify(device="cuda:97")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"device": "gpu"}, "no device 'gpu'"),
        ({"level": "everything"}, "no level 'everything'; the levels are build, forward"),
        ({"python": Path("/no/such/python")}, "no interpreter at"),
        ({"form": "segment"}, "no form 'segment' can be verified; the forms are detect, picks, odd"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(workspace, how, message):
    with pytest.raises(RequestError, match=message):
        workspace.verify(**how)


def test_a_file_that_is_no_interpreter_is_refused(workspace, tmp_path):
    (tmp_path / "python").write_text("no program")
    with pytest.raises(RequestError, match="cannot be started"):
        workspace.verify(python=tmp_path / "python")


SCRIPT = """
import json, sys
from pathlib import Path
from yolopatch.console import Reporter
from yolopatch.catalog.yaml_file import load_model
from yolopatch.verify import ProbeRequest, ProbeSpec, run_probe
path = Path(sys.argv[1])
spec = load_model(path / "probe.yaml", ProbeSpec).for_form("detect")
run_probe(path, ProbeRequest(spec, "model.yaml", "detect", (32,), 3, "build"), reporter=Reporter(quiet=True))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("signal_name", ["SIGINT", "SIGKILL"])
def test_the_probe_does_not_outlive_yolopatch(workspace, tmp_path, signal_name):
    pid_file = tmp_path / "pid"
    workspace.config(behaviour="hang", pid_file=str(pid_file))
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    ours = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(workspace.path)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    probe = int(eventually(lambda: pid_file.is_file() and pid_file.read_text()))
    ours.send_signal(signal.Signals[signal_name])
    ours.wait(timeout=30)
    assert eventually(lambda: not _runs(probe))
    assert list(temporary.iterdir()) == []


def test_yolopatch_itself_does_not_import_torch():
    script = "import sys, json, yolopatch.verify; print(json.dumps('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True)
    assert json.loads(done.stdout) is False


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[-1].split()[0]
    except FileNotFoundError:
        if Path("/proc").is_dir():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return state != "Z"
