"""Processes side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from yolopatch.errors import EnvironmentFailed
from yolopatch.runs.crew import Crew

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals")


def python(script):
    return [sys.executable, "-S", "-c", script]


def test_what_they_say_and_how_they_end_is_told_apart():
    with Crew(2) as crew:
        crew.start("a", python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(7)"), os.environ)
        crew.start("b", python("import os; os.kill(os.getpid(), 9)"), os.environ)
        assert not crew.free
        done = {}
        while crew.busy:
            done.update({one.job: one for one in crew.wait()})
    assert (done["a"].code, done["a"].stdout, done["a"].stderr) == (7, "out\n", "err\n")
    assert done["b"].code == -9


def test_they_run_at_the_same_time(tmp_path):
    meet = (
        "import pathlib, time; me, other = map(pathlib.Path, {}); me.touch()\nwhile not other.exists(): time.sleep(0)"
    )
    one, other = str(tmp_path / "one"), str(tmp_path / "other")
    with Crew(2) as crew:
        crew.start(1, python(meet.format((one, other))), os.environ)
        crew.start(2, python(meet.format((other, one))), os.environ)
        codes = [done.code for _ in range(2) if crew.busy for done in crew.wait()]
    assert set(codes) == {0}


GRANDCHILD = """
import pathlib, subprocess, sys, time
deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(99)"
child = subprocess.Popen([sys.executable, "-S", "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
child.stdout.readline()
pathlib.Path("pid").write_text(str(child.pid))
time.sleep(99)
"""


def _interrupted(pid):
    with Crew(1) as crew:
        crew.start(1, python(GRANDCHILD), os.environ)
        for _ in range(1000):
            if pid.exists() and pid.read_text():
                raise KeyboardInterrupt
            time.sleep(0.02)


def test_none_is_left_behind_not_even_a_grandchild_that_hears_no_request(tmp_path, monkeypatch):
    pytest.importorskip("psutil")  # finds a grandchild that has left the group
    monkeypatch.chdir(tmp_path)
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _interrupted(tmp_path / "pid")
    assert time.monotonic() - before < 9
    pid = (tmp_path / "pid").read_text()
    for _ in range(200):
        if subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True).stdout[:1] in ("", "Z"):
            return
        time.sleep(0.02)
    raise AssertionError(f"{pid} lives")


def test_a_folder_that_is_gone_is_a_fault_of_the_environment(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(EnvironmentFailed), Crew(1) as crew:
        crew.start(1, python(""), os.environ)


def test_one_that_waits_for_a_moment_comes_back_with_none():
    with Crew(1) as crew:
        crew.start(1, python("import time; time.sleep(99)"), os.environ)
        assert crew.wait(0.01) == []
        assert crew.busy
