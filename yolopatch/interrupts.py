"""Holds Ctrl-C and a polite end (SIGTERM) back for a moment."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class HeldInterrupts:
    """From its making to `release`, SIGINT and SIGTERM wait.

    A process that is interrupted between its birth and the moment when somebody knows of it would
    live on, and write into a folder that is being cleaned up. Outside the main thread, which alone
    gets signals, this does nothing.
    """

    def __init__(self) -> None:
        self._pending: list[int] = []
        self._handlers: dict[int, Any] = {}
        if threading.current_thread() is not threading.main_thread():
            return
        for number in (signal.SIGINT, signal.SIGTERM):
            before = signal.getsignal(number)
            if before is not None:  # None: not installed by Python, and not ours to put back
                self._handlers[number] = before
                signal.signal(number, self._note)

    def release(self) -> None:
        """Put the handlers back, and let them see what came meanwhile (KeyboardInterrupt, as a rule)."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}
        if self._pending:
            signal.raise_signal(self._pending.pop())

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pending.append(number)
