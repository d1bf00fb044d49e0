"""Measure one model of a patched tree, turn by turn, in a process of its own that stays alive."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.errors import EnvironmentFailed, RequestError

from . import log
from .process import Conversation, Ending
from .runner import missing_package, torch_device
from .spec import FormSpec

_LIMIT = 1800.0  # seconds for one order
# A process that tells its memory gives what it frees back at once, or freed memory would be counted.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "262144"}


@dataclass(frozen=True)
class MeasureRequest:
    """Which model of which tree; `config` is relative to it, `strides` are the head's."""

    workspace: Path
    spec: FormSpec
    config: str
    strides: tuple[int, ...]
    nc: int
    python: Path
    device: str = "cpu"


class Measurer:
    """The process of one model. It starts with the first order; use it in a `with` block.

    With `fresh` every order gets a process of its own, set up to tell its memory.
    """

    def __init__(self, request: MeasureRequest, *, fresh: bool = False, columns: int | None = None) -> None:
        """`columns`: build RevCol with that many, in place of what the model YAML says."""
        self._request = request
        self._fresh = fresh
        self._columns = columns
        self._scratch: Path | None = None
        self._talk: Conversation | None = None
        self._dead: str | None = None

    def __enter__(self) -> Measurer:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def ask(self, what: str, **order: Any) -> dict[str, Any]:
        """The facts that an order gives, or `{"failed": why}`, in one line.

        Raises:
            RequestError: the interpreter cannot be started.
            EnvironmentFailed: it lacks a package that upstream needs, or the device is not available.
        """
        if self._dead is not None:
            return {"failed": self._dead}
        try:
            if self._talk is None and not self._start():
                return {"failed": self._dead}
            assert self._talk is not None
            self._talk.say({"what": what, **order})
            return self._answer()
        finally:
            if self._fresh:
                self._end()

    def _start(self) -> bool:
        request = self._request
        self._scratch = Path(tempfile.mkdtemp(prefix="yolopatch-compare-"))
        document = {
            "level": "measure",
            "spec": request.spec.model_dump(mode="json", by_alias=True),
            "config": request.config,
            "strides": list(request.strides),
            "nc": request.nc,
            "device": torch_device(request.device),
            "scratch": str(self._scratch),
            "columns": self._columns,
        }
        further = _MEMORY if self._fresh else {}
        try:
            self._talk = Conversation(request.python, request.workspace, self._scratch, document, further)
        except OSError as error:
            raise RequestError(f"{request.python} cannot be started: {error.strerror}; check --python") from error
        return self._until("ready") is not None

    def _answer(self) -> dict[str, Any]:
        event = self._until("answer")
        if event is None:
            return {"failed": self._dead}
        if event["facts"] is None:
            return {"failed": event["message"]}
        facts: dict[str, Any] = event["facts"]
        return facts

    def _until(self, wanted: str) -> dict[str, Any] | None:
        """The next event of that kind; None where the process fails or ends first."""
        assert self._talk is not None
        while True:
            event = self._talk.hear(_LIMIT)
            if isinstance(event, Ending):
                self._dead = self._how(event)
                return None
            kind = event["event"]
            if kind == wanted:
                return event
            if kind == "failed":
                self._dead = str(event["message"])
                return None
            if kind == "missing":
                raise missing_package(event["module"], str(self._request.python))
            if kind == "no-device":
                raise EnvironmentFailed(
                    f"device '{self._request.device}' is not available to {self._request.python} "
                    f"({event['message']}); use --device cpu"
                )

    def _how(self, ending: Ending) -> str:
        assert self._scratch is not None
        last = log.tail(self._scratch / "log", 1)
        if ending.timed_out:
            return f"the process was stopped after {_LIMIT:g} seconds"
        more = ", which is what happens where memory runs out" if ending.code == -9 else ""
        return f"the process {ending}{more}" + (f": {last[0]}" if last and not more else "")

    def _end(self) -> None:
        if self._talk is not None:
            self._talk.close()
            self._talk = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None
