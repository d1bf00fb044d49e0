"""The memory of a process and its children, where psutil is installed (the `upstream` extra brings it)."""

from __future__ import annotations

import importlib
from typing import Any


def _psutil() -> Any:
    try:
        return importlib.import_module("psutil")
    except ImportError:
        return None


def resident(pid: int) -> int | None:
    """Bytes of memory that `pid` and its children hold now.

    A page that several share is divided among them where the system tells (Linux), and counts for each elsewhere.
    """
    psutil = _psutil()
    if psutil is None:
        return None
    total = 0
    for process in _family(psutil, pid):
        try:
            total += _held(process)
        except psutil.Error:
            continue
    return total or None


def _held(process: Any) -> int:
    full = process.memory_full_info()
    return int(getattr(full, "pss", 0) or full.rss)


def descendants(pid: int) -> list[Any]:
    """The children of `pid`, theirs, and so on: torchrun puts its processes into groups of their own."""
    psutil = _psutil()
    return _family(psutil, pid)[1:] if psutil is not None else []


def kill(processes: list[Any]) -> None:
    """Kill those of `processes` that still run."""
    for process in processes:
        try:
            process.kill()
        except Exception:  # gone, or not ours any more
            continue


def _family(psutil: Any, pid: int) -> list[Any]:
    try:
        first = psutil.Process(pid)
        return [first, *first.children(recursive=True)]
    except psutil.Error:
        return []
