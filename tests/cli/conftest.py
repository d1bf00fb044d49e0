"""A miniature upstream and the command line as a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import mini
from tests.cli.commits import APPLY, MINE, NAME, commit
from tests.cli.releases import make_index

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def tiny(tmp_path: Path) -> mini.Mini:
    return mini.make(tmp_path)


@pytest.fixture
def environment(tiny: mini.Mini, tmp_path: Path) -> dict[str, str]:
    return _environment(tiny, tmp_path)


def _environment(tiny: mini.Mini, root: Path) -> dict[str, str]:
    home = root / "home"
    home.mkdir()
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "YOLOPATCH_"))},
        "HOME": str(home),
        "YOLOPATCH_DATA": str(tiny.data),
        "YOLOPATCH_CACHE": str(root / "cache"),
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


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a miniature upstream and a workspace of it, made once."""
    root = tmp_path_factory.mktemp("made")
    command = [sys.executable, "-m", "yolopatch", *APPLY]
    subprocess.run(command, cwd=root, env=_environment(mini.make(root), root), check=True, capture_output=True)
    return root


@pytest.fixture
def workspace(made: Path, tiny: mini.Mini, work: Path, tmp_path: Path) -> Path:
    """A workspace, and the data that it was made from in the place of the test's own."""
    shutil.copytree(made / "data", tiny.data, dirs_exist_ok=True)
    shutil.copytree(made / "cache", tmp_path / "cache")
    return shutil.copytree(made / NAME, work / NAME, symlinks=True)


@pytest.fixture
def index(tiny, tmp_path):
    """Environment of a user whose package index is a folder with releases of the small upstream."""
    return make_index(tiny, tmp_path)


@pytest.fixture
def patches(tiny):
    return tiny.data / "patches"


@pytest.fixture
def export(run):
    """Exports and gives the JSON document."""

    def call(*args: str, folder: str = NAME):
        done = run("export", folder, *args, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return call


@pytest.fixture
def refused(run):
    """Exports, expects a refusal in one line, and gives that line."""

    def call(*args: str, folder: str = NAME):
        done = run("export", folder, *args)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stdout + done.stderr
        return done.stderr

    return call


@pytest.fixture
def lab(workspace, export, work):
    """A folder with a series of two patches, the second of which edits the payload."""
    commit(workspace, "Weigh small objects more", {"models/loss.py": "weight = 2\n", "models/tiny.yaml": "nc: 1\n"})
    payload = (workspace / "models/revcol/__init__.py").read_text()
    commit(
        workspace, "让小目标更重要\n\n原因\n\nKind: upstreamable", {"models/revcol/__init__.py": payload + "# lab\n"}
    )
    export(*MINE)
    return work / "lab"
