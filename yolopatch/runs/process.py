"""Runs one of upstream's programs in a process group of its own and hands on what it prints."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from yolopatch.errors import RequestError
from yolopatch.interrupts import HeldInterrupts
from yolopatch.runs import memory

_TETHER = Path(__file__).with_name("tether.py")
_TICK = 0.2
_GRACE = 10.0  # seconds between the request to end and the kill
_SILENCE = 1.0  # seconds that the output of a dead program is waited for: a child of it may hold the pipe


class Child:
    """A running program."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self._chunks: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._pump, daemon=True).start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def output(self) -> Iterator[bytes]:
        """What it prints, as it comes; an empty piece whenever nothing came for a moment. Ends with the program."""
        ended: float | None = None
        while True:
            if ended is None and self._process.poll() is not None:
                ended = time.monotonic()
            try:
                chunk = self._chunks.get(timeout=_TICK)
            except queue.Empty:
                chunk = b""
                if ended is not None and (not self._open or time.monotonic() - ended > _SILENCE):
                    return
            yield chunk

    def wait(self) -> int:
        """The exit code, negative for a signal."""
        return self._process.wait()

    def stop(self) -> None:
        """End it and all that it started: first by request, then by force."""
        others = memory.descendants(self._process.pid)
        if self._process.poll() is None:
            _signal_group(self._process, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE)
        _signal_group(self._process, getattr(signal, "SIGKILL", signal.SIGTERM))
        memory.kill(others)
        self._process.wait()

    _open = True

    def _pump(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        while chunk := os.read(stream.fileno(), 65536):
            self._chunks.put(chunk)
        self._open = False


@contextmanager
def started(command: Sequence[str], folder: Path, variables: Mapping[str, str]) -> Iterator[Child]:
    """Start `command` in `folder`. It and its children are gone when the block ends, however it ends.

    Raises:
        RequestError: the interpreter cannot be started.
    """
    held = HeldInterrupts()
    try:
        child = Child(spawn(command, folder, variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    except OSError as error:
        held.release()
        raise RequestError(f"{command[0]} cannot be started: {error.strerror}; check --python") from error
    try:
        held.release()
        yield child
    finally:
        child.stop()


def spawn(
    command: Sequence[str],
    folder: Path,
    variables: Mapping[str, str],
    *,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    """Start `command` in a process group of its own; it ends with this process, killed without a word included.

    Whoever starts it ends it: see `Child.stop` and `end_all`.
    """
    return subprocess.Popen(
        [command[0], str(_TETHER), str(os.getpid()), *command],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def end_all(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End processes and their groups, all at once: first by request, then by force."""
    others = [one for process in processes for one in memory.descendants(process.pid)]
    try:
        for process in processes:
            if process.poll() is None:
                _signal_group(process, signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
    finally:  # whoever presses Ctrl-C again does not want to wait
        for process in processes:
            _signal_group(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        memory.kill(others)
        for process in processes:
            process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        if sys.platform != "win32":
            os.killpg(process.pid, number)
        elif process.poll() is None:
            process.send_signal(number)
    except (ProcessLookupError, PermissionError):
        pass
