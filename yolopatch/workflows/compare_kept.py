"""Where the rounds of a comparison are kept, and of what: another request, machine or version never gets them."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from yolopatch import __version__
from yolopatch.catalog.paths import PACKAGE
from yolopatch.compare.kept import Tape
from yolopatch.compare.model import How
from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed, RequestError, YolopatchError
from yolopatch.series import repository
from yolopatch.sources import Cache
from yolopatch.validation.store import digest
from yolopatch.workspace.lock import LOCK_NAME

_DAYS = 30 * 86_400.0  # seconds; nobody goes on with what is older


def folder() -> Path:
    """Where measurements are kept: the newest, and the rounds of what was interrupted."""
    return Cache.default().root / "compare"


def key_of(how: How, python: Path, models: Sequence[dict[str, Any]]) -> str:
    """A digest of what was asked and of this machine and version. `models`: whatever decides each model."""
    facts = {
        "yolopatch": __version__,
        "node": platform.node(),
        "machine": platform.platform(),
        "python": str(python),
        "how": how.model_dump(mode="json"),
        "models": list(models),
    }
    return digest(facts, [PACKAGE])[:24]


def state_of(workspace: Path) -> str:
    """A digest of a workspace's files: its lock, its commit, and size and time of what differs from that commit."""
    lines = [hashlib.sha256((workspace / LOCK_NAME).read_bytes()).hexdigest()]
    if (workspace / ".git").exists():
        lines.append(repository.tree(workspace))
        changes = repository.changes(workspace)
        names = [*changes.edited, *changes.new]
    else:
        files = (file.relative_to(workspace) for file in workspace.rglob("*") if file.is_file())
        names = sorted(file.as_posix() for file in files if file.parts[0] != "runs" and "__pycache__" not in file.parts)
    for name in names:
        file = workspace / name
        facts = file.lstat() if file.exists() or file.is_symlink() else None
        lines.append(json.dumps([name, facts and [facts.st_size, facts.st_mtime_ns]]))
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


@contextmanager
def tape(key: str, how: How, models: int, fresh: bool, reporter: Reporter) -> Iterator[Tape]:
    """What was measured of a request so far, which it says, and what more is; gone when the block ends well.

    Raises:
        RequestError: another process measures the same.
        YolopatchError: it was interrupted and rounds are kept (exit code 130).
    """
    place = folder()
    file = place / f"unfinished-{key}.json"
    lock = FileLock(place / f"unfinished-{key}.lock", timeout=0)
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise RequestError(
            "another yolopatch compare measures the same here; wait for it, or ask for something else"
        ) from None
    except OSError as error:
        reporter.warn(f"rounds are not kept, an interrupt would lose them ({error})")
        yield Tape()
        return
    try:
        _forget(place)
        if fresh:
            file.unlink(missing_ok=True)
        found = Tape(file, reporter.warn)
        known = found.kept.told(how, models)
        if known:
            reporter.note(f"{known} are known from {_when(found)} (--fresh: anew)")
        with _explained(found, how, models):
            yield found
        found.drop()
    finally:
        lock.release()


def at_once(found: Tape, models: int, memory_holds: int) -> int:
    """How many models are measured in one group: as many as before, so that a round stays one.

    Raises:
        EnvironmentFailed: memory does not hold them now.
    """
    if not found.kept.sittings:
        found.kept.many = memory_holds
    if min(found.kept.many, models) > memory_holds:
        raise EnvironmentFailed(
            f"memory now holds about {memory_holds} models at once, and the rounds that are kept are of "
            f"{found.kept.many}; free some, or measure anew by --fresh"
        )
    return found.kept.many


@contextmanager
def _explained(found: Tape, how: How, models: int) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if not found.safe:
            raise
        error = YolopatchError(
            f"interrupted; {found.kept.told(how, models)} are kept, and the same command goes on with the rest"
        )
        error.kind, error.exit_code = "interrupted", 130
        raise error from None


def _when(found: Tape) -> str:
    dates = [one.began for one in found.kept.sittings]
    return f"a sitting of {dates[0]}" if len(dates) == 1 else f"{len(dates)} sittings since {dates[0]}"


def _forget(place: Path) -> None:
    """Delete what was interrupted long ago."""
    for old in place.glob("unfinished-*"):
        try:
            if time.time() - old.stat().st_mtime > _DAYS:
                old.unlink()
        except OSError:
            continue
