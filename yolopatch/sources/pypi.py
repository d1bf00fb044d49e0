"""A published archive becomes a tree in the repository's layout. Nothing of it is built or run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.sources.archive import read_archive
from yolopatch.sources.cache import Cache
from yolopatch.sources.layout import lay_out, moved
from yolopatch.sources.models import EXECUTABLE_MODE, FILE_MODE, Entry, PypiSource, blob_id


@dataclass(frozen=True)
class Unpacked:
    """The laid-out files of an archive, and what it took."""

    entries: tuple[Entry, ...]
    contents: dict[str, bytes]
    url: str
    received: int


def unpack(source: PypiSource, cache: Cache, scratch: Path, reporter: Reporter, *, offline: bool = False) -> Unpacked:
    """Download the source's archive, or take it from the cache, and lay it out.

    Raises `NoIndex`, `WrongHash`, `EnvironmentFailed` (disk, offline), `RequestError` (an archive
    that is refused, a layout that takes nothing).
    """
    archive, url, received = _archive(source, cache, scratch, reporter, offline)
    members = read_archive(archive, lambda path: moved(path, source.moves) is not None)
    files = lay_out(members, source.moves, source.rewrites)
    if not files:
        raise RequestError(f"the layout of {source.title} takes no file of '{source.file}'; correct its moves")
    contents = {path: data for path, (_, data) in files.items()}
    entries = tuple(
        Entry(path, EXECUTABLE_MODE if executable else FILE_MODE, blob_id(data))
        for path, (executable, data) in files.items()
    )
    return Unpacked(entries, contents, url, received)


def download_path(source: PypiSource, cache: Cache) -> Path:
    """Where the archive stands in the cache, if it is there."""
    return cache.root / "downloads" / source.sha256 / source.file


def _archive(
    source: PypiSource, cache: Cache, scratch: Path, reporter: Reporter, offline: bool
) -> tuple[Path, str, int]:
    if "/" in source.file or "\\" in source.file or source.file.startswith("."):
        raise RequestError(f"'{source.file}' is not the name of a published archive")
    kept = download_path(source, cache)
    with cache.explained():
        if kept.is_file():
            if hashlib.sha256(kept.read_bytes()).hexdigest() == source.sha256:
                return kept, "cache", 0
            reporter.warn(f"the cached archive '{source.file}' is damaged; it is thrown away")
            kept.replace(scratch / "damaged")
    if offline:
        raise EnvironmentFailed(f"offline, and the cache '{cache.root}' does not hold '{source.file}'")
    fresh = scratch / source.file
    from yolopatch.sources.index import obtain_file  # HTTP and HTML parsers: a warm cache needs neither

    with cache.explained():
        url = obtain_file(source.project, source.file, source.sha256, fresh, reporter)
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(kept)
        return kept, url, kept.stat().st_size
