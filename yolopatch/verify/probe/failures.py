"""Exceptions of upstream's code, shortened to the frames that help."""

from __future__ import annotations

import importlib.util
import traceback
from pathlib import Path


def shorten(error: BaseException, *, limit: int = 12) -> list[str]:
    """The traceback's frames inside the tree (upstream's and the payload's), paths relative to it.

    The frame that raised is kept wherever it is. At most `limit` frames, the last ones.
    """
    root = Path.cwd().resolve()
    frames = traceback.extract_tb(error.__traceback__)
    kept = []
    for number, frame in enumerate(frames):
        inside = _relative(frame.filename, root)
        if inside is None and number != len(frames) - 1:
            continue
        kept.append(f'  File "{inside or frame.filename}", line {frame.lineno}, in {frame.name}')
        if frame.line:
            kept.append(f"    {frame.line}")
    message = "".join(traceback.format_exception_only(type(error), error)).rstrip().splitlines()
    return ["Traceback (frames of the tree only):", *kept[-2 * limit :], *message[:20]]


def top_level_missing(error: ModuleNotFoundError) -> str | None:
    """The package that is missing; None where the name belongs to the tree itself, or to a package that is there.

    Of the latter the tree wants another version, which no install mends that keeps to its requirements.
    """
    name = (error.name or "").partition(".")[0]
    root = Path.cwd()
    if not name or (root / name).exists() or (root / f"{name}.py").exists():
        return None
    if "." in str(error.name) and importlib.util.find_spec(name) is not None:
        return None
    return name


def _relative(filename: str, root: Path) -> str | None:
    try:
        inside = Path(filename).resolve().relative_to(root)
    except ValueError:
        return None
    # A virtual environment may lie inside the tree.
    return None if "site-packages" in inside.parts else inside.as_posix()
