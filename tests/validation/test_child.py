"""The processes of a cell: what is called, and what is made of the answer."""

from __future__ import annotations

import subprocess
import sys

import pytest

from yolopatch.runs.crew import Finished
from yolopatch.runs.ourselves import shared_variables
from yolopatch.validation import child
from yolopatch.validation.model import Cell, Result


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
    assert shared_variables(2)["OMP_NUM_THREADS"] == "7"
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert shared_variables(10_000)["OMP_NUM_THREADS"] == "1"
