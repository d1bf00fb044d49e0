"""Answer orders about one model, one after another, so that the processes of several models can take turns."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

from .channel import Channel, CheckError, MissingPackageError
from .failures import shorten, top_level_missing
from .measuring import Subject


def serve(request: dict[str, Any], channel: Channel) -> dict[str, Any]:
    """Build nothing yet; say that orders may come, and answer each until there are no more.

    An order is a line of JSON on the standard input, `{"what": NAME, ...}`; its answer is an event `answer` with
    `facts`, or with `message` and `traceback` where it failed. A failed order leaves the process ready for the next.
    """
    subject = Subject(request, channel)
    channel.send("ready")
    answered = 0
    for order in _orders():
        _answer(subject, order, channel)
        answered += 1
    return {"answered": answered}


def _orders() -> Iterator[dict[str, Any]]:
    """What comes on the standard input; upstream's code, which might read it too, finds it empty."""
    private = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)
    with os.fdopen(private, encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _answer(subject: Subject, order: dict[str, Any], channel: Channel) -> None:
    started = time.perf_counter()
    try:
        facts = subject.orders[order.pop("what")](**order)
    except Exception as error:  # upstream's code can raise anything
        channel.send("answer", facts=None, message=_message(error), traceback=_traceback(error))
        return
    channel.send("answer", facts=facts, seconds=time.perf_counter() - started)


def _message(error: Exception) -> str:
    if isinstance(error, MissingPackageError):
        return f"the interpreter has no module '{error}'"
    if isinstance(error, CheckError):
        return str(error)
    if isinstance(error, ModuleNotFoundError) and top_level_missing(error):
        return f"the interpreter has no module '{top_level_missing(error)}'"
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(": ")


def _traceback(error: Exception) -> list[str]:
    return [] if isinstance(error, CheckError | MissingPackageError) else shorten(error)
