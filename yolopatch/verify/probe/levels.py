"""The levels in their order, and what is said about each."""

from __future__ import annotations

import json
import platform
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .channel import Channel, CheckError, MissingPackageError
from .failures import shorten, top_level_missing
from .trace import Trace

ORDER = ("build", "forward", "gradients", "train", "export")

# Modules that no current package provides: where upstream asks for one, the tree is at fault.
_GONE = {"pkg_resources", "imp", "distutils", "asyncore"}


def run(request_path: Path, results: Path) -> None:
    """Run the levels up to the one that the request names; stop at the first that fails."""
    request: dict[str, Any] = json.loads(request_path.read_text(encoding="utf-8"))
    channel = Channel(results)
    trace = Trace(Path.cwd()) if request.get("trace") else None  # before the first import of upstream's
    try:
        if _ready(request, channel):
            _levels(request, channel)
    except ModuleNotFoundError as error:
        _missing(error, channel)
    if trace:
        channel.send("read", **trace.found())


def _ready(request: dict[str, Any], channel: Channel) -> bool:
    """Say what the interpreter has; False, with the reason said, where the device is not there."""
    import torch

    channel.send("versions", python=platform.python_version(), torch=torch.__version__)
    try:
        torch.zeros(1, device=request["device"])
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        channel.send("no-device", message=str(error).strip().splitlines()[0])
        return False
    return True


def _steps(request: dict[str, Any], channel: Channel) -> dict[str, Callable[[], dict[str, Any]]]:
    """What the request asks for, in order: levels, or the one step of another command."""
    if request["level"] == "deploy":
        from . import deploying

        return {"deploy": partial(deploying.deploy, request, channel)}
    if request["level"] == "measure":
        from . import serving

        return {"measure": partial(serving.serve, request, channel)}
    if request["level"] == "inspect":
        from . import inspecting

        return {"inspect": partial(inspecting.inspect, request, channel)}
    from . import work

    session = work.Session(request, channel)
    steps: dict[str, Callable[[work.Session], dict[str, Any]]] = {
        "build": work.build,
        "forward": work.forward,
        "gradients": work.gradients,
        "train": work.train,
        "export": work.export,
    }
    return {name: partial(steps[name], session) for name in ORDER[: ORDER.index(request["level"]) + 1]}


def _levels(request: dict[str, Any], channel: Channel) -> None:
    for name, step in _steps(request, channel).items():
        channel.send("level", name=name)
        started = time.perf_counter()
        try:
            _seed()
            facts = step()
        except CheckError as error:
            channel.send("failed", message=str(error), traceback=[], seconds=time.perf_counter() - started)
            return
        except MissingPackageError as error:
            channel.send("missing", module=str(error))
            return
        except Exception as error:
            if isinstance(error, ModuleNotFoundError) and _missing(error, channel):
                return
            text = f"{type(error).__name__}: {error}".strip()
            lines = text.splitlines() or [type(error).__name__]
            seconds = time.perf_counter() - started
            channel.send("failed", message=lines[0], traceback=shorten(error), seconds=seconds)
            return
        channel.send("passed", facts=facts, seconds=time.perf_counter() - started)


def _missing(error: ModuleNotFoundError, channel: Channel) -> bool:
    """Say that a package is missing, unless the module is the tree's own or gone everywhere."""
    module = top_level_missing(error)
    if module is None or module in _GONE:
        return False
    channel.send("missing", module=module)
    return True


def _seed() -> None:
    import torch

    random.seed(0)
    torch.manual_seed(0)
