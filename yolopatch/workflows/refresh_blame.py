"""Where a patch does not merge, and who changed those lines upstream."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from yolopatch.catalog import Catalog, Upstream
from yolopatch.console import Reporter
from yolopatch.errors import YolopatchError
from yolopatch.series import repository
from yolopatch.series.apply import place_like
from yolopatch.series.foresight import Foresight
from yolopatch.series.patchfile import Hunk, Patch, read_patch
from yolopatch.series.trial import place_of
from yolopatch.sources import Cache
from yolopatch.sources.history import History, opened, refresh
from yolopatch.workspace.refreshing import Refreshing


def why_conflict(
    folder: Path,
    state: Refreshing,
    name: str,
    files: Sequence[str],
    catalog: Catalog,
    cache: Cache,
    reporter: Reporter,
) -> list[str]:
    """Lines for people: each hunk that is not found, and the commits that changed what it looks for."""
    upstream = catalog.upstream(state.yolo)
    patch = read_patch(catalog.patches / upstream.yolo / f"{name}.patch")
    source = catalog.pin(upstream, state.source).commit
    lines = []
    for path in files:
        text = repository.file_at(folder, "HEAD", path)
        for hunk in _lost(patch, path, text):
            lines.append(f"  {place_of(patch, path, hunk.start)}")
            lines += [
                f"    changed by {one}" for one in _who(state, source, path, text, hunk, upstream, cache, reporter)
            ]
    return lines


def _lost(patch: Patch, path: str, text: str | None) -> list[Hunk]:
    hunks = [hunk for change in patch.changes if change.path == path for hunk in change.hunks]
    if text is None:
        return hunks
    found = Foresight([patch]).with_text(text)
    return [hunk for hunk in hunks if not found(hunk)] or hunks


def _who(
    state: Refreshing,
    source: str | None,
    path: str,
    text: str | None,
    hunk: Hunk,
    upstream: Upstream,
    cache: Cache,
    reporter: Reporter,
) -> list[str]:
    if source is None or state.commit is None or text is None:
        return []  # releases have no history that tells
    try:
        with opened(upstream.repository, cache, reporter) as history:
            if history.resolve(state.commit) is None or history.resolve(source) is None:
                refresh(history, upstream.urls(state.remote))
            return _blame(history, source, state.commit, path, text, hunk)
    except YolopatchError as error:  # to know who it was is a help, not the point
        reporter.detail(f"who changed it cannot be told: {error}")
        return []


def _blame(history: History, source: str, target: str, path: str, text: str, hunk: Hunk) -> list[str]:
    """The commits between that changed the hunk's lines, newest first; a pin may also be carried back in time."""
    back = history.descends(source, target)
    first, last = (target, source) if back else (source, target)
    steps = history.line(first, last, [path])
    history.fill({blob for step in steps for _, _, blob in step.blobs})
    start, length = (hunk.start, len(hunk.before)) if back else place_like(text.split("\n"), hunk)
    return history.changed_by(first, last, path, start, start + length - 1)[:5]
