"""How much memory is in use, and how much was at the most: of this process, or on a GPU."""

from __future__ import annotations

import sys
from pathlib import Path

import torch


class CpuMeter:
    """The resident set of this process, in bytes.

    Linux keeps its peak and lets a process reset it; elsewhere it is the peak since the start.
    """

    what = "resident set of the process"

    def used(self) -> int:
        """At present."""
        return self._read("VmRSS")

    def peak(self) -> int:
        """The most since `reset`."""
        return self._read("VmHWM")

    def reset(self) -> None:
        """Forget what was before, where the system permits it."""
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            return

    def _read(self, key: str) -> int:
        try:
            lines = Path("/proc/self/status").read_text().splitlines()
        except OSError:
            import resource  # not on Windows

            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            return peak if sys.platform == "darwin" else peak * 1024
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key + ":"))


class CudaMeter:
    """What torch has allocated on a GPU, in bytes."""

    what = "torch.cuda.max_memory_allocated"

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def used(self) -> int:
        """At present."""
        torch.cuda.synchronize(self._device)
        return torch.cuda.memory_allocated(self._device)

    def peak(self) -> int:
        """The most since `reset`."""
        torch.cuda.synchronize(self._device)
        return torch.cuda.max_memory_allocated(self._device)

    def reset(self) -> None:
        """Forget what was before."""
        torch.cuda.reset_peak_memory_stats(self._device)


def meter(device: torch.device) -> CpuMeter | CudaMeter:
    """The meter of a device."""
    return CudaMeter(device) if device.type == "cuda" else CpuMeter()
