"""Run a probe in a process of its own and follow what it says, whatever happens to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from yolopatch.runs.environ import QUIET, cpus

Event = dict[str, Any]

_POLL = 0.05
_START_LIMIT = 600.0  # seconds for importing torch, which may come over a slow network drive
_USER_BASE = "PYTHONUSERBASE"
PROBE = Path(__file__).with_name("probe")

_SETTINGS = {**QUIET, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
_FOLDERS = ("YOLO_CONFIG_DIR", "YOLOV5_CONFIG_DIR", "MPLCONFIGDIR", "TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "TMPDIR")


@dataclass(frozen=True)
class Ending:
    """How the process ended: its exit code, or the signal or time limit that stopped it."""

    code: int | None
    timed_out: bool = False

    def __str__(self) -> str:
        if self.timed_out:
            return "was stopped by the time limit"
        if self.code is not None and self.code < 0:
            return f"was killed by {_signal_name(-self.code)}"
        return f"ended with exit code {self.code}"


def environment(scratch: Path) -> dict[str, str]:
    """The probe's variables: no Python settings of ours, upstream's files in `scratch`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON") or name == _USER_BASE}
    folders = {}
    for name in _FOLDERS:
        folder = scratch / name.lower()
        folder.mkdir(exist_ok=True)
        folders[name] = str(folder)
    # v8 falls to one thread where this is not set.
    threads = {"OMP_NUM_THREADS": str(cpus())} if not kept.get("OMP_NUM_THREADS") else {}
    return {**kept, **_SETTINGS, **folders, **threads}


class Probe(Protocol):
    """A process that runs a probe."""

    pid: int

    def poll(self) -> int | None:
        """The exit code; None while it runs."""

    def wait(self) -> int:
        """The exit code, when there is one."""

    def kill(self) -> None:
        """End it."""


class Forks(Protocol):
    """What starts probes faster than an interpreter does (see `Nursery`)."""

    def forked(
        self, folder: Path, scratch: Path, request: Path, results: Path, log: Path
    ) -> AbstractContextManager[Probe | None]:
        """A probe; None where it needs a process of its own."""


def follow(
    python: Path,
    workspace: Path,
    scratch: Path,
    request: Event,
    on_event: Callable[[Event], None],
    *,
    limit: float,
    forks: Forks | None = None,
) -> Ending:
    """Run the probe on `request` and pass on each event as it comes.

    `limit` is in seconds and holds for each level. The process and all its children are
    gone when this returns or raises, KeyboardInterrupt included.
    """
    request_file, results, log = scratch / "request.json", scratch / "results.jsonl", scratch / "log"
    request_file.write_text(json.dumps(request), encoding="utf-8")
    results.touch()
    log.touch()
    if forks is not None:
        with forks.forked(workspace, scratch, request_file, results, log) as probe:
            if probe is not None:
                return _follow(probe, results, on_event, limit)
    command = [str(python), "-B", str(PROBE), str(request_file), str(results)]
    with log.open("wb") as output, _started(command, workspace, environment(scratch), output) as process:
        return _follow(process, results, on_event, limit)


def _follow(process: Probe, results: Path, on_event: Callable[[Event], None], limit: float) -> Ending:
    with results.open("rb") as stream:
        deadline = time.monotonic() + max(limit, _START_LIMIT)
        while True:
            code = process.poll()  # before reading, so that nothing written last is lost
            for event in _read(stream):
                on_event(event)
                deadline = time.monotonic() + limit if event["event"] == "level" else deadline
            if code is not None:
                return Ending(code)
            if time.monotonic() > deadline:
                return Ending(None, timed_out=True)
            time.sleep(_POLL)


class Conversation:
    """A probe that stays alive and is told what to do, one order at a time.

    Raises `OSError` where `python` cannot be started. Used in a `with` block, at whose end the process and all its
    children are gone.
    """

    def __init__(
        self, python: Path, workspace: Path, scratch: Path, request: Event, further: dict[str, str] | None = None
    ) -> None:
        """`further` are variables of its environment."""
        request_file, results = scratch / "request.json", scratch / "results.jsonl"
        request_file.write_text(json.dumps(request), encoding="utf-8")
        results.touch()
        command = [str(python), "-B", str(PROBE), str(request_file), str(results)]
        self._stack = ExitStack()
        with ExitStack() as stack:
            log = stack.enter_context((scratch / "log").open("wb"))
            self._stream = stack.enter_context(results.open("rb"))
            variables = {**environment(scratch), **(further or {})}
            self._process = stack.enter_context(_started(command, workspace, variables, log, stdin=subprocess.PIPE))
            self._stack = stack.pop_all()
        self._waiting: deque[Event] = deque()

    def __enter__(self) -> Conversation:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._stack.close()

    def say(self, order: Event) -> None:
        """Give an order; a process that is gone is found out by `hear`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return

    def hear(self, limit: float) -> Event | Ending:
        """The next event, or how the process ended; `limit` is in seconds."""
        deadline = time.monotonic() + limit
        while not self._waiting:
            code = self._process.poll()
            self._waiting.extend(_read(self._stream))
            if self._waiting:
                break
            if code is not None:
                return Ending(code)
            if time.monotonic() > deadline:
                return Ending(None, timed_out=True)
            time.sleep(_POLL / 2)
        return self._waiting.popleft()


@contextmanager
def _started(
    command: list[str], folder: Path, variables: dict[str, str], log: IO[bytes], stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill_group(process)
        if process.stdin is not None:
            with suppress(BrokenPipeError):
                process.stdin.close()


def kill_group(process: Probe) -> None:
    """Stop the process and what it started; the group outlives its leader where a child hangs."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()


def _read(stream: IO[bytes]) -> Iterator[Event]:
    """The whole lines that came since the last call."""
    while True:
        position = stream.tell()
        line = stream.readline()
        if not line.endswith(b"\n"):
            stream.seek(position)
            return
        yield json.loads(line)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
