"""Processes side by side."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from yolopatch.errors import EnvironmentFailed
from yolopatch.validation import child
from yolopatch.validation.crew import Crew, Finished
from yolopatch.validation.model import Cell, Result

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


def test_yolopatch_calls_itself_and_no_other_of_that_name(tmp_path):
    (tmp_path / "yolopatch").mkdir()
    (tmp_path / "yolopatch" / "__init__.py").write_text("raise SystemExit('the wrong one')\n")
    command = child.verify_command(Cell("v", "p", "x", "h", "--help"), tmp_path / "w", "build")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "")
    assert "/w: no such folder" in done.stdout
    assert sys.executable == command[0]


@pytest.mark.parametrize("stdout", ["", "half a {", "[1]", "null", '{"levels"'])
def test_an_answer_that_is_none_is_a_failure_with_the_last_words(stdout):
    result = child.verified(Finished(0, -9, stdout, "one\n\x1b[31mtwo\n", 2.0), Result("ok", seconds=1.0, base="b"))
    assert (result.state, result.kind, result.seconds) == ("failed: verify", "error", 3.0)
    assert result.message == "yolopatch verify was killed by SIGKILL"
    assert result.detail == ("one", "?[31mtwo")


def test_threads_are_shared_out_unless_the_user_did(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert child.variables(2)["OMP_NUM_THREADS"] == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert child.variables(10_000)["OMP_NUM_THREADS"] == "1"
