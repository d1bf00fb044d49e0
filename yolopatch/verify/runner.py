"""Verify one patched tree: from a request to a report."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolopatch.console import Reporter, Task
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.install_hint import install_command

from . import log
from .nursery import Nursery
from .process import Ending, Event, follow
from .report import LEVELS, Failure, LevelResult, Reads, VerifyReport, rerun_command
from .spec import FormSpec

# What a module's package is called where the names differ.
_PACKAGES = {
    "cv2": "opencv-python-headless",
    "yaml": "PyYAML",
    "PIL": "Pillow",
    "git": "GitPython",
    "dateutil": "python-dateutil",
    "hub_sdk": "hub-sdk",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
}


@dataclass(frozen=True)
class ProbeRequest:
    """What to verify.

    `config` is the model YAML relative to the tree; `strides` those of the head, finest first;
    `timeout` the seconds that one level may take; `shown` what the user calls the tree, in the
    report and in the command that runs a level again.
    """

    spec: FormSpec
    config: str
    form: str
    strides: tuple[int, ...]
    nc: int
    level: str = "forward"
    timeout: float = 1800.0
    shown: str | None = None
    trace: bool = False


def run_probe(
    workspace: Path,
    request: ProbeRequest,
    *,
    python: Path | None = None,
    device: str = "cpu",
    reporter: Reporter,
    nursery: Nursery | None = None,
) -> VerifyReport:
    """Run the levels up to `request.level` inside the tree and report on each.

    A level that fails is in the report, with upstream's own traceback; those after it are
    skipped. Nothing is written in `workspace`. Whoever has many trees to verify gives a
    `nursery` of the same interpreter, which saves the time of importing torch.

    Raises:
        RequestError: unknown level, no tree at `workspace`, no interpreter at `python`, or a
            device that torch has no name for.
        EnvironmentFailed: the interpreter lacks a package or the device is not available.
    """
    _check(workspace, request, python)
    chosen = torch_device(device)
    interpreter = python.absolute() if python else Path(sys.executable)  # not resolved: it may be a venv's link
    scratch = Path(tempfile.mkdtemp(prefix="yolopatch-verify-"))
    try:
        run = _Run(workspace, request, python, device, scratch, reporter)
        with reporter.task(f"verify {request.form}", total=float(len(run.names))) as task:
            run.follow(interpreter, chosen, task, nursery)
        return run.report(str(interpreter))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@dataclass
class _Run:
    """What is known so far."""

    workspace: Path
    request: ProbeRequest
    python: Path | None
    device: str
    scratch: Path
    reporter: Reporter
    versions: dict[str, str] = field(default_factory=dict)
    results: list[LevelResult] = field(default_factory=list)
    reads: Reads | None = None
    current: str = LEVELS[0]

    @property
    def shown(self) -> str:
        return self.request.shown or str(self.workspace)

    @property
    def names(self) -> tuple[str, ...]:
        return LEVELS[: LEVELS.index(self.request.level) + 1]

    def follow(self, interpreter: Path, device: str, task: Task, nursery: Nursery | None) -> None:
        """Run the probe; a process that dies is a failed level."""
        document = {
            "spec": self.request.spec.model_dump(mode="json", by_alias=True),
            "config": self.request.config,
            "strides": list(self.request.strides),
            "nc": self.request.nc,
            "level": self.request.level,
            "device": device,
            "scratch": str(self.scratch),
            "trace": self.request.trace,
        }

        def on_event(event: Event) -> None:
            self._take(event, task, str(interpreter))

        try:
            limit = self.request.timeout
            ending = follow(interpreter, self.workspace, self.scratch, document, on_event, limit=limit, forks=nursery)
        except OSError as error:
            raise RequestError(f"{interpreter} cannot be started: {error.strerror}; check --python") from error
        if len(self.results) < len(self.names) and not any(result.status == "failed" for result in self.results):
            self._died(ending)

    def report(self, interpreter: str) -> VerifyReport:
        """The levels that ran, and those that did not as skipped."""
        skipped = [LevelResult(name, "skipped") for name in self.names[len(self.results) :]]
        return VerifyReport(
            workspace=self.shown,
            config=self.request.config,
            form=self.request.form,
            level=self.request.level,
            device=self.device,
            python=interpreter,
            versions=self.versions,
            levels=(*self.results, *skipped),
            reads=self.reads,
        )

    def _take(self, event: Event, task: Task, interpreter: str) -> None:
        kind = event["event"]
        if kind == "versions":
            self.versions = {"python": event["python"], "torch": event["torch"]}
        elif kind == "level":
            self.current = event["name"]
            task.update(completed=float(len(self.results)), text=f"verify {self.request.form}: {self.current}")
        elif kind == "progress":
            task.update(completed=self._completed(event), text=f"verify {self.request.form}: {event['text']}")
        elif kind == "passed":
            self.results.append(LevelResult(self.current, "passed", round(event["seconds"], 2), event["facts"]))
            self.reporter.detail(f"{self.current}: passed in {event['seconds']:.1f} s")
        elif kind == "failed":
            traceback = tuple(event["traceback"])
            failure = self._failure(event["message"], traceback, show_log=not traceback)
            self.results.append(LevelResult(self.current, "failed", round(event["seconds"], 2), {}, failure))
        elif kind == "read":
            self.reads = Reads(tuple(event["files"]), tuple(event["absent"]))
        elif kind == "missing":
            raise missing_package(event["module"], interpreter)
        elif kind == "no-device":
            raise EnvironmentFailed(
                f"device '{self.device}' is not available to {interpreter} ({event['message']}); use --device cpu"
            )

    def _completed(self, event: dict[str, Any]) -> float:
        share = event["done"] / event["total"] if event.get("total") else 0.0
        return len(self.results) + float(share)

    def _died(self, ending: Ending) -> None:
        message = f"the process of the probe {ending}"
        if ending.timed_out:
            message += f" of {self.request.timeout:g} seconds for a level"
        self.results.append(
            LevelResult(
                self.current,
                "failed",
                0.0,
                {},
                self._failure(message, log.crash(self.scratch / "log", self.workspace), show_log=True),
            )
        )

    def _failure(self, message: str, traceback: tuple[str, ...], *, show_log: bool) -> Failure:
        python = str(self.python) if self.python else None
        rerun = rerun_command(self.shown, self.current, self.request.form, self.device, python)
        return Failure(message, traceback, log.tail(self.scratch / "log") if show_log else (), rerun)


def _check(workspace: Path, request: ProbeRequest, python: Path | None) -> None:
    if request.level not in LEVELS:
        raise RequestError(f"no level '{request.level}'; the levels are {', '.join(LEVELS)}")
    if not workspace.is_dir():
        raise RequestError(f"{workspace} is not a folder; name a workspace that 'yolopatch apply' made")
    if python is not None and not python.is_file():
        raise RequestError(f"no interpreter at {python}; give --python the path of a python executable")


def torch_device(device: str) -> str:
    """`0` as upstream's scripts take it, or a name of torch's."""
    if device.isdecimal():
        return f"cuda:{device}"
    if re.fullmatch(r"(cpu|cuda|mps|xpu)(:\d+)?", device):
        return device
    raise RequestError(f"no device '{device}'; use cpu, a GPU's number (0), or a torch name (cuda:0)")


def missing_package(module: str, interpreter: str) -> EnvironmentFailed:
    """The error for a module that the interpreter lacks: says what to install."""
    package = _PACKAGES.get(module, module)
    return EnvironmentFailed(
        f"{interpreter} has no module '{module}'; install what upstream needs: {install_command(interpreter)} {package}"
    )
