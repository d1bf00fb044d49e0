"""What upstream's programs find in their environment."""

from __future__ import annotations

import os
from pathlib import Path

from yolopatch.runs.environ import environment


def test_programs_of_the_interpreters_environment_are_found_as_if_it_were_activated(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    python = tmp_path / "venv" / "bin" / "python"
    assert environment(tmp_path, str(python))["PATH"] == f"{python.parent}{os.pathsep}/usr/bin"


def test_a_path_that_has_them_stays_as_the_user_ordered_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"/mine{os.pathsep}/usr/bin")
    assert environment(tmp_path, str(Path("/usr/bin/python3")))["PATH"] == f"/mine{os.pathsep}/usr/bin"
