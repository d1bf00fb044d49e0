"""Starts a program that ends when the process that asked for it is gone, killed without a word included.

Run as a file: `python tether.py PARENT PROGRAM ARGUMENTS...`; PARENT is a process id. Needs the standard library alone.
On Linux the kernel sends the signal; elsewhere the program ends when it writes to the pipe that nobody reads.
"""

from __future__ import annotations

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become `command`."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it went before the kernel was told
            sys.exit(1)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
