"""Asks an interpreter, in the workspace, what it has and what a file of weights is."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.install_hint import install_command

_LOOK = Path(__file__).with_name("look.py")
_LIMIT = 600.0  # seconds: torch may come over a slow network drive


@dataclass(frozen=True)
class ModelSource:
    """The model that weights are compared with: upstream's class, its places over time, and what it is called with."""

    config: str
    classes: tuple[str, ...]
    arguments: Mapping[str, Any]
    nc: int


@dataclass(frozen=True)
class Sight:
    """What was found."""

    versions: dict[str, str]
    gpus: tuple[str, ...]
    mps: bool
    modules: dict[str, bool]
    weights: dict[str, Any] | None


def look(
    python: str,
    workspace: Path,
    variables: Mapping[str, str],
    *,
    modules: Sequence[str] = (),
    weights: Path | None = None,
    model: ModelSource | None = None,
) -> Sight:
    """Look at `python`, and at `weights` beside `model`.

    Raises:
        RequestError: there is no such interpreter.
        EnvironmentFailed: it lacks a package, or dies.
    """
    request: dict[str, Any] = {"modules": list(modules), "weights": str(weights) if weights else None}
    if model is not None:
        request |= {
            "config": model.config,
            "classes": list(model.classes),
            "arguments": dict(model.arguments),
            "nc": model.nc,
        }
    with tempfile.TemporaryDirectory(prefix="yolopatch-look-") as scratch:
        question, answer = Path(scratch) / "request.json", Path(scratch) / "result.json"
        question.write_text(json.dumps(request), encoding="utf-8")
        done = _run([python, str(_LOOK), str(question), str(answer)], workspace, variables)
        if not answer.is_file():
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise EnvironmentFailed(f"{python} cannot use {workspace}: {last}; check it with yolopatch verify")
        result = json.loads(answer.read_text(encoding="utf-8"))
    if result["missing"]:
        raise EnvironmentFailed(
            f"{python} has no module '{result['missing']}'; install what upstream needs: {install_command(python)}"
        )
    return Sight(result["versions"], tuple(result["gpus"]), result["mps"], result["modules"], result.get("weights"))


def _run(command: list[str], workspace: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=workspace,
            env=dict(variables),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            errors="replace",
            timeout=_LIMIT,
        )
    except OSError as error:
        raise RequestError(f"{command[0]} cannot be started: {error.strerror}; check --python") from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFailed(f"{command[0]} did not answer in {_LIMIT:.0f} seconds; check --python") from error
