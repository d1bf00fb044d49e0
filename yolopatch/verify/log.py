"""What upstream printed while a probe ran, shortened to the lines that help."""

from __future__ import annotations

import re
from pathlib import Path

_CRASH = "Fatal Python error"
_FRAME = re.compile(r'^  File "(?P<file>.+)", line (?P<line>\d+) in (?P<name>.+)$')
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def tail(log: Path, lines: int = 15) -> tuple[str, ...]:
    """The last lines before a crash, or of all; progress bars leave only their last state."""
    text = _read(log).partition(_CRASH)[0]
    kept = [line.rsplit("\r", 1)[-1].rstrip() for line in text.split("\n")]
    return tuple(line[:300] for line in kept if line.strip())[-lines:]


def crash(log: Path, tree: Path) -> tuple[str, ...]:
    """Where the interpreter was when it crashed: the frames of the tree, the innermost last; empty without a crash."""
    _, found, after = _read(log).partition(_CRASH)
    if not found:
        return ()
    root = f"{tree.resolve()}/"
    what, _, stack = after.partition("\n")
    frames = []
    for line in stack.split("\n"):
        match = _FRAME.match(line)
        if match and match["file"].startswith(root):
            frames.append(f'  File "{match["file"][len(root) :]}", line {match["line"]}, in {match["name"]}')
    return ("Traceback (frames of the tree only):", *reversed(frames), f"{_CRASH}{what}") if frames else ()


def _read(log: Path) -> str:
    """The end of the log as text."""
    try:
        text = log.read_bytes()[-256_000:].decode("utf-8", "replace")
    except OSError:
        return ""
    return _COLOUR.sub("", text).replace("\r\n", "\n")
