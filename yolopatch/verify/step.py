"""Run a probe of one step, and make what goes wrong an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.errors import CheckFailed, EnvironmentFailed, RequestError

from . import log
from .process import Event, follow
from .runner import missing_package


@dataclass(frozen=True)
class Step:
    """The one step, and what its command says.

    `document` is what the probe is told, `limit` how many seconds it may take. `progress` gets each event that tells
    how far it is; `failed` and `no_device` make a message of upstream's and torch's own.
    """

    document: dict[str, Any]
    limit: float
    weights: Path | None
    progress: Callable[[Event], None]
    failed: Callable[[str], str]
    no_device: Callable[[str], str]


def run_step(workspace: Path, step: Step, *, python: Path, scratch: Path) -> dict[str, Any]:
    """The facts that the step found.

    Raises:
        RequestError: the weights are none of this tree's, or `python` cannot be started.
        CheckFailed: upstream's code fails, or its process dies.
        EnvironmentFailed: the interpreter lacks a package or the device.
    """
    found: dict[str, Any] = {}

    def on_event(event: Event) -> None:
        kind = event["event"]
        if kind == "progress":
            step.progress(event)
        elif kind == "missing":
            raise missing_package(event["module"], str(python))
        elif kind == "no-device":
            raise EnvironmentFailed(step.no_device(event["message"]))
        elif kind == "failed":
            raise CheckFailed(step.failed(event["message"]), detail="\n".join(event["traceback"]) or None)
        elif kind == "passed":
            found.update(event["facts"])

    try:
        ending = follow(python, workspace, scratch, step.document, on_event, limit=step.limit)
    except OSError as error:
        raise RequestError(f"{python} cannot be started: {error.strerror}; check --python") from error
    if not found:
        detail = "\n".join(log.tail(scratch / "log")) or None
        raise CheckFailed(step.failed(f"the process {ending}"), detail=detail)
    if "refused" in found:
        raise RequestError(
            f"{step.weights}: {found['refused']}; name a checkpoint (best.pt) that this workspace's training made"
        )
    return found
