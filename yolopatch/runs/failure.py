"""Why a program of upstream's failed, in one line."""

from __future__ import annotations

import re
import signal
from collections.abc import Sequence
from pathlib import Path

from yolopatch.errors import CheckFailed, EnvironmentFailed, YolopatchError
from yolopatch.runs.progress import plain

_TAIL = 200_000
_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|can't allocate memory|Cannot allocate memory|\bMemoryError\b"
    r"|killed by signal: Killed|insufficient shared memory"
)
_ERROR = re.compile(
    r"^(?:[A-Za-z_][\w.]*\.)?[A-Za-z_]\w*(?:Error|Exception|Interrupt|NotFound|Exit)\b.*|^AssertionError.*"
)
_USAGE = re.compile(r"^\S+\.py: error: .*")
_FAILURE = re.compile(r".*\bexport failure\b.*")  # upstream's word for an exception that it has caught
_SOLUTION = "lower --batch or --imgsz"


def explain(code: int, log: Path, what: str, *, start: int = 0, sizes: str = "") -> YolopatchError:
    """The error for the program called `what` that ended with `code`; its output is `log` from byte `start` on.

    Code 0 is that of one that hides its failure: what it should have written is not there.
    `sizes` are the numbers that decide on the memory, for the message.
    """
    lines = tail(log, start)
    if code == -signal.SIGKILL or code == 128 + signal.SIGKILL:
        return EnvironmentFailed(
            f"{what} was killed, by the system if memory ran out; {_SOLUTION}{sizes}, or --workers (its output: {log})"
        )
    if any(_MEMORY.search(line) for line in lines):
        return EnvironmentFailed(f"{what} ran out of memory; {_SOLUTION}{sizes} (its output: {log})")
    reason = _last(lines)
    return CheckFailed(f"{what} {_ending(code)}: {reason or 'it says no reason'} (its output: {log})")


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by signal {-code}"
    return f"ended with exit code {code}" if code else "wrote nothing"


def tail(log: Path, start: int = 0) -> list[str]:
    """The last lines of a log from byte `start` on, without colours."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, 2)
            stream.seek(max(start, size - _TAIL))
            data = stream.read()
    except OSError:
        return []
    text = plain(data.decode("utf-8", errors="replace"))
    return [line.rstrip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def _last(lines: Sequence[str]) -> str | None:
    for pattern in (_ERROR, _USAGE, _FAILURE):
        found = next((line for line in reversed(lines) if pattern.match(line.strip())), None)
        if found:
            return " ".join(found.split())[:400]
    return lines[-1].strip()[:400] if lines else None
