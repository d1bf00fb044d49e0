"""Runs a program of upstream's to its end, with its output in a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from yolopatch.runs.process import started


def run_to_log(
    command: Sequence[str], workspace: Path, variables: Mapping[str, str], log: Path, *, stream: bool = False
) -> int:
    """Run `command` in `workspace`; its output replaces the file `log`. `stream`: to stderr as well. The exit code."""
    with log.open("wb") as file, started(command, workspace, variables) as child:
        for chunk in child.output():
            file.write(chunk)
            if stream and chunk:
                pass_on(chunk)
        file.flush()
        return child.wait()


def pass_on(chunk: bytes) -> None:
    """Write what upstream printed to stderr, as it is."""
    sys.stderr.flush()
    sys.stderr.buffer.write(chunk)
    sys.stderr.buffer.flush()
