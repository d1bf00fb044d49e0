"""Exports trained weights by upstream's own program."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.runs import folder
from yolopatch.runs.command import command_line
from yolopatch.runs.failure import explain
from yolopatch.runs.simple import run_to_log
from yolopatch.workflows.stage import open_stage, refuse_controlled, sight, size_of

_OURS = {"weights": "--weights", "imgsz": "--imgsz", "device": "--device"}


@dataclass(frozen=True)
class ExportRequest:
    """What to export. `run` and `weights`: at most one; neither is the newest run."""

    workspace: Path
    format: str
    run: str | None = None
    weights: Path | None = None
    imgsz: int | None = None
    device: str | None = None
    form: str | None = None
    python: str | None = None
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exported:
    """The result."""

    weights: Path
    result: Path


def export(request: ExportRequest, reporter: Reporter) -> Exported:
    """Export to `format`, beside the weights, where upstream puts it.

    Raises:
        RequestError: the workspace, weights or an argument is wrong, or upstream has no such format.
        CheckFailed: upstream's program failed, or wrote nothing.
        EnvironmentFailed: a package or device is missing, or memory ran out.
    """
    opened = open_stage(request.workspace, request.form, request.python)
    formats = {str(name): one for name, one in opened.interface.export.formats.items()}
    if request.format not in formats:
        raise RequestError(f"{opened.upstream.title}'s own export has no {request.format}, only {', '.join(formats)}")
    chosen = formats[request.format]
    stage, weights, run = opened.trained(request.run, request.weights, request.form)
    refuse_controlled(stage.interface.export, request.further, _OURS)
    modules = (chosen.module,) if chosen.module else ()
    seen, device = sight(stage, request.device or "cpu", weights=weights, modules=modules, reporter=reporter)
    if chosen.module and not seen.modules[chosen.module]:
        raise EnvironmentFailed(
            f"{stage.upstream.title}'s export to {request.format} needs the module {chosen.module}; install it: "
            f"{shlex.quote(stage.python)} -m pip install {shlex.quote(chosen.package or chosen.module)}"
        )
    result = weights.with_name(chosen.result.format(stem=weights.stem))
    before = _stamp(result)
    command = command_line(
        stage.interface.export,
        stage.workspace,
        stage.python,
        {"weights": str(weights), "imgsz": str(size_of(run, request.imgsz)), "device": device},
        further=(*chosen.words, *request.further),
        without=stage.pin.lacks_words,
    )
    log = folder.create(stage.workspace, None, "export").log
    with reporter.task(f"export {weights.name} to {request.format}"):
        code = run_to_log(command, stage.workspace, stage.variables(), log, stream=reporter.verbose)
    what = f"{stage.upstream.title}'s export"
    if code != 0:
        raise explain(code, log, what, sizes=f" (now {size_of(run, request.imgsz)})")
    if _stamp(result) == before:
        # Upstream goes on where one format fails, and ends as if nothing had happened.
        raise explain(0, log, what)
    return Exported(weights, result)


def _stamp(result: Path) -> int | None:
    try:
        return result.stat().st_mtime_ns
    except OSError:
        return None
