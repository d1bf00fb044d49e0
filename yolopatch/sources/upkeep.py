"""What `yolopatch cache` does: list, verify, prune."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolopatch.console import Reporter
from yolopatch.sources.cache import Cache, DamagedEntryError, load_tree, parse_manifest


@dataclass(frozen=True)
class CacheEntry:
    """One entry of the cache. `size` in bytes, `last_used` in seconds since 1970 (UTC)."""

    key: str
    kind: Literal["git", "pypi", "download"]
    title: str
    size: int
    files: int
    last_used: float
    path: Path


@dataclass(frozen=True)
class CacheCheck:
    """The result for one entry; `problem` is None when it is whole."""

    key: str
    title: str
    problem: str | None


def ls(cache: Cache) -> list[CacheEntry]:
    """All entries, the last used first. Raises `EnvironmentFailed` when the cache cannot be read."""
    with cache.explained():
        entries = [*map(_tree_entry, _below(cache.root / "trees")), *_downloads(cache)]
    return sorted(entries, key=lambda entry: (-entry.last_used, entry.key))


def verify(cache: Cache, reporter: Reporter) -> list[CacheCheck]:
    """Check every entry; those that are damaged are thrown away."""
    results = []
    for entry in ls(cache):
        reporter.detail(f"checking {entry.key}")
        with cache.explained():
            problem = _download_problem(entry) if entry.kind == "download" else _tree_problem(entry)
        if problem is not None:
            _discard(cache, entry)
        results.append(CacheCheck(entry.key, entry.title, problem))
    return results


def prune(cache: Cache, older_than: float | None = None) -> int:
    """Delete the entries that were last used more than `older_than` seconds ago (None: all).

    Gives the number of bytes freed.
    """
    freed = 0
    now = time.time()
    for entry in ls(cache):
        if older_than is None or now - entry.last_used > older_than:
            _discard(cache, entry)
            freed += entry.size
    cache.sweep()
    return freed


def _discard(cache: Cache, entry: CacheEntry) -> None:
    with cache.locked(entry.path.name if entry.kind != "download" else entry.path.parent.name):
        cache.discard(entry.path if entry.kind != "download" else entry.path.parent)


def _tree_entry(folder: Path) -> CacheEntry:
    manifest = folder / "manifest.json"
    kind: Literal["git", "pypi"] = "pypi" if folder.name.startswith("pypi-") else "git"
    try:
        title = parse_manifest(manifest.read_text(encoding="utf-8", errors="replace"))[2].title
        used = manifest.stat().st_mtime
    except (DamagedEntryError, OSError, json.JSONDecodeError):
        title, used = "damaged", folder.stat().st_mtime
    sizes = [path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()]
    return CacheEntry(folder.name, kind, title, sum(sizes), max(len(sizes) - 1, 0), used, folder)


def _downloads(cache: Cache) -> Iterator[CacheEntry]:
    for folder in _below(cache.root / "downloads"):
        for file in sorted(folder.iterdir()):
            facts = file.stat()
            key = f"{folder.name}/{file.name}"
            yield CacheEntry(key, "download", file.name, facts.st_size, 1, facts.st_mtime, file)


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _tree_problem(entry: CacheEntry) -> str | None:
    try:
        load_tree(entry.path)
    except DamagedEntryError as damage:
        return str(damage)
    with contextlib.suppress(OSError):  # checking is not using
        os.utime(entry.path / "manifest.json", (entry.last_used, entry.last_used))
    return None


def _download_problem(entry: CacheEntry) -> str | None:
    with entry.path.open("rb") as file:
        digest = hashlib.sha256()
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return None if digest.hexdigest() == entry.path.parent.name else "its sha256 has changed"
