"""Programs end with us, whatever ends us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from yolopatch.errors import RequestError
from yolopatch.runs.process import started

# A program with a child of its own; both would go on for a minute.
PROGRAM = """\
import os, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(os.getpid(), child.pid, flush=True)
time.sleep(60)
"""
# Starts it as yolopatch does, and hands on what it prints.
PARENT = """\
import os, sys
from pathlib import Path
from yolopatch.runs.process import started
with started([sys.executable, "-c", sys.argv[1]], Path.cwd(), os.environ) as child:
    for chunk in child.output():
        sys.stdout.write(chunk.decode())
        sys.stdout.flush()
"""


def test_output_comes_whole_with_the_exit_code(tmp_path):
    code = "import sys; print('a' * 100000); print('error', file=sys.stderr); sys.exit(7)"
    with started([sys.executable, "-c", code], tmp_path, os.environ) as child:
        out = b"".join(child.output())
        assert child.wait() == 7
    assert out.count(b"a") == 100000
    assert b"error" in out


def test_a_block_that_is_left_early_leaves_no_process(tmp_path):
    with started([sys.executable, "-c", PROGRAM], tmp_path, os.environ) as child:
        pids = first_pids(child.output())
    assert gone(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a program ends when it next prints")
def test_a_parent_that_is_killed_takes_its_program_along(tmp_path):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, PROGRAM], cwd=tmp_path, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    parent.kill()
    parent.wait()
    try:
        assert gone(pids[:1])
    finally:
        os.kill(pids[1], signal.SIGKILL)  # a child of the program that has no tether: torch's loaders end by themselves
        parent.stdout.close()


def test_an_interpreter_that_is_none_is_a_request_error(tmp_path):
    with pytest.raises(RequestError, match="--python"), started(["/no/such/python"], tmp_path, os.environ):
        pass


def first_pids(output):
    text = b""
    for chunk in output:
        text += chunk
        if text.endswith(b"\n"):
            return [int(word) for word in text.split()]
    raise AssertionError("it ended")


def gone(pids):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = f"/proc/{pid}/stat"
    try:
        with open(stat) as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"  # dead, and not yet waited for
    except OSError:
        return False
