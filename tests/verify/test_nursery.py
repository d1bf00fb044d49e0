"""Probes that are forked from a process which has imported torch."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from yolopatch.verify import Nursery

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or sys.platform == "darwin", reason="probes are not forked on this system"
)


@pytest.fixture
def nursery():
    with Nursery() as made:
        yield made


def facts(report):
    return [(level.name, level.status, level.facts) for level in report.levels]


def test_a_forked_probe_finds_what_one_in_its_own_process_does(workspace, nursery):
    own = workspace.verify("gradients", trace=True)
    for _ in range(2):
        forked = workspace.verify("gradients", trace=True, nursery=nursery)
        assert facts(forked) == facts(own)
        assert forked.ok
        assert set(forked.reads.files) == set(own.reads.files)


def test_the_second_probe_sees_nothing_of_the_first(workspace, nursery):
    assert workspace.verify(nursery=nursery).ok
    model = workspace.path / "mini/model.py"
    model.write_text(model.read_text().replace("class Model", "raise ValueError('changed')\n\n\nclass Model"))
    assert workspace.verify(nursery=nursery).failed.failure.message == "ValueError: changed"


def test_a_crash_an_exit_and_a_hang_end_the_probe_alone(workspace, nursery, tmp_path):
    workspace.config(behaviour="segmentation fault")
    failure = workspace.verify("forward", nursery=nursery).failed.failure
    assert failure.message == "the process of the probe was killed by SIGSEGV"
    assert failure.log[-1] == "upstream says something before it dies"
    workspace.config(behaviour="exit")
    assert "exit code 7" in workspace.verify(nursery=nursery).failed.failure.message
    pid_file = tmp_path / "pid"
    workspace.config(behaviour="hang", pid_file=str(pid_file))
    assert "time limit" in workspace.verify(timeout=3.0, nursery=nursery).failed.failure.message
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    workspace.config()
    assert workspace.verify(nursery=nursery).ok


def test_a_tree_that_hides_an_imported_module_gets_its_own_process(workspace, nursery):
    model = workspace.path / "mini/model.py"
    model.write_text("import requests\n" + model.read_text())
    assert workspace.verify(nursery=nursery).ok
    (workspace.path / "requests.py").write_text("raise ValueError('the tree has its own')\n")
    assert workspace.verify(nursery=nursery).failed.failure.message == "ValueError: the tree has its own"


def test_a_nursery_that_was_killed_is_started_anew(workspace, nursery):
    assert workspace.verify(nursery=nursery).ok
    os.kill(nursery.pid, signal.SIGKILL)
    assert workspace.verify(nursery=nursery).ok


def test_nothing_is_left_when_whoever_started_it_is_killed(workspace, tmp_path):
    pid_file = tmp_path / "pid"
    workspace.config(behaviour="hang", pid_file=str(pid_file))
    script = tmp_path / "hang.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom tests.verify.conftest import Workspace\n"
        "from yolopatch.verify import Nursery\n"
        "with Nursery() as nursery:\n    Workspace(Path(sys.argv[1])).verify(nursery=nursery)\n"
    )
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, str(script), str(workspace.path)], env={**os.environ, "PYTHONPATH": str(root)}
    )
    deadline = time.monotonic() + 120
    while not pid_file.exists() or not pid_file.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.kill()
    process.wait()
    while _runs(int(pid_file.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] if Path("/proc").exists() else True
