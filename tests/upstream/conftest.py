"""Real upstream code: from the package registry, and from git where YOLOPATCH_TEST_MIRRORS names mirrors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from yolopatch.catalog import Catalog
from yolopatch.sources.reach import registry_problem

CATALOG = Catalog()
Apply = Callable[..., "tuple[Path, dict[str, Any]]"]


@pytest.fixture(scope="session")
def registry() -> None:
    """Skips where no package registry offers what the default pins need."""
    for yolo in CATALOG.supported:
        problem = _problem(yolo)
        if problem:
            pytest.skip(f"no package registry can be reached: {problem}")


def _problem(yolo: str) -> str | None:
    package = CATALOG.pin(CATALOG.upstream(yolo), None).origins.pypi
    assert package is not None
    return registry_problem(package.project, package.file)


@pytest.fixture(scope="session")
def mirror() -> Callable[[str], Path]:
    """The bare repository of a YOLO; skips where there is no folder of them, or where it lacks an experimental one."""

    def get(yolo: str) -> Path:
        named = os.environ.get("YOLOPATCH_TEST_MIRRORS")
        if not named:
            pytest.skip("YOLOPATCH_TEST_MIRRORS names no folder of bare repositories (see CONTRIBUTING.md, Tests)")
        found = (Path(named) / f"{yolo}.git").resolve()
        if CATALOG.upstream(yolo).experimental and not found.is_dir():
            pytest.skip(f"YOLOPATCH_TEST_MIRRORS has no {yolo}.git, and {yolo} is experimental")
        return found

    return get


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of a user whose home is empty."""
    home = tmp_path_factory.mktemp("home")
    return {
        **{key: value for key, value in os.environ.items() if not key.startswith("YOLOPATCH_")},
        "YOLOPATCH_CACHE": str(home / "cache"),
        "YOLO_CONFIG_DIR": str(home / "ultralytics"),
        "MPLCONFIGDIR": str(home / "matplotlib"),
        "WANDB_MODE": "disabled",
    }


@pytest.fixture(scope="session")
def apply(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Apply:
    """Runs `yolopatch apply --json` into a new folder; the folder and the document."""

    def call(*args: str) -> tuple[Path, dict[str, Any]]:
        dest = tmp_path_factory.mktemp("workspace") / "w"
        command = [sys.executable, "-m", "yolopatch", "apply", *args, "--dest", str(dest), "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return dest, json.loads(done.stdout)

    return call


@pytest.fixture(scope="session")
def small(apply: Apply) -> Callable[[str], Path]:
    """A workspace of the smallest variant for each YOLO, made once."""
    made: dict[str, Path] = {}

    def get(yolo: str) -> Path:
        if yolo not in made:
            problem = _problem(yolo) if CATALOG.upstream(yolo).experimental else None
            if problem:
                pytest.skip(f"{yolo} is experimental, and no package registry has it: {problem}")
            made[yolo], _ = apply("--yolo", yolo, "--variant", "revcol-a", "--origin", "pypi", "--verify", "none")
        return made[yolo]

    return get


@pytest.fixture(scope="session")
def verify(environment: dict[str, str]) -> Callable[..., dict[str, Any]]:
    """Runs `yolopatch verify --json`; the report."""

    def call(*args: str) -> dict[str, Any]:
        command = [sys.executable, "-m", "yolopatch", "verify", *args, "--json"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    return call


@pytest.fixture
def yolopatch(environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a command of ours and expects its exit code."""

    def call(*args: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "yolopatch", *map(str, args)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        assert done.returncode == code, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done

    return call
