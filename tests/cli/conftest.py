"""A miniature upstream and the command line as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import mini

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tiny(tmp_path: Path) -> mini.Mini:
    return mini.make(tmp_path)


@pytest.fixture
def environment(tiny: mini.Mini, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "YOLOPATCH_"))},
        "HOME": str(home),
        "YOLOPATCH_DATA": str(tiny.data),
        "YOLOPATCH_CACHE": str(tmp_path / "cache"),
        "NO_COLOR": "1",
        "COLUMNS": "100",
    }


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    work = tmp_path / "work"
    work.mkdir()

    def call(*args: str, env: dict[str, str] | None = None, cwd: Path = work) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "yolopatch", *args]
        return subprocess.run(command, cwd=cwd, env={**environment, **(env or {})}, capture_output=True, text=True)

    return call


@pytest.fixture
def work(run: Run, tmp_path: Path) -> Path:
    return tmp_path / "work"
