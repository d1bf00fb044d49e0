"""Convert a checkpoint inside its tree, in a process of its own: upstream's classes are needed to read and build it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.console import Reporter, Task
from yolopatch.errors import RequestError

from .step import Step, run_step

_LIMIT = 1800.0  # seconds


@dataclass(frozen=True)
class DeployRequest:
    """What to convert.

    `document` is what the probe is told beside the files: `spec` of the trained form, `strip`, and `forms` with
    detector, decoded output and conversion of each; `form` is the one that the user names, or None.
    """

    weights: Path
    out: Path
    form: str | None
    document: dict[str, Any]


def run_deploy(workspace: Path, request: DeployRequest, *, python: Path, reporter: Reporter) -> dict[str, Any]:
    """Convert the checkpoint and write it to `request.out`, at once or not at all; the facts about both.

    Raises:
        RequestError: the checkpoint is not one that this tree can convert, or `out` cannot be written.
        CheckFailed: the predictions before and after differ, or upstream's code fails on it.
        EnvironmentFailed: the interpreter lacks a package.
    """
    scratch = Path(tempfile.mkdtemp(prefix="yolopatch-deploy-"))
    try:
        with reporter.task(f"deploy {request.weights}", total=4.0) as task:
            facts = _run(workspace, request, python, scratch, task)
        _place(scratch / "result.pt", request.out)
        return facts
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _run(workspace: Path, request: DeployRequest, interpreter: Path, scratch: Path, task: Task) -> dict[str, Any]:
    document = {
        **request.document,
        "level": "deploy",
        "device": "cpu",
        "config": "",
        "strides": [],
        "nc": 0,
        "scratch": str(scratch),
        "weights": str(request.weights.absolute()),
        "result": str(scratch / "result.pt"),
        "form": request.form,
    }
    step = Step(
        document=document,
        limit=_LIMIT,
        weights=request.weights,
        progress=lambda event: task.update(completed=event["done"], text=f"deploy: {event['text']}"),
        failed=lambda message: _failed(request, message),
        no_device=lambda message: f"torch does not work in {interpreter}: {message}",
    )
    return run_step(workspace, step, python=interpreter, scratch=scratch)


def _failed(request: DeployRequest, message: str) -> str:
    return f"{request.weights} was not converted: {message}; nothing was written"


def _place(result: Path, out: Path) -> None:
    """Copy to `out` so that nobody ever sees a part of it."""
    part = out.with_name(f".{out.name}.part")
    try:
        shutil.copyfile(result, part)
        part.replace(out)
    except OSError as error:
        raise RequestError(f"{out}: cannot be written ({error.strerror or error}); name another --out") from error
    finally:
        part.unlink(missing_ok=True)
