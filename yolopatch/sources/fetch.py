"""A pin's source becomes a pristine tree: from the cache, from a git host, or from a package index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.sources import git as git_room
from yolopatch.sources import pypi as pypi_room
from yolopatch.sources.blobs import compare
from yolopatch.sources.cache import Cache, DamagedEntryError
from yolopatch.sources.failures import NoGitHost, NoIndex
from yolopatch.sources.models import GitSource, Origin, Provenance, PypiSource, Tree
from yolopatch.sources.urls import safe_url

_Make = Callable[[Path], Tree]


def obtain(
    origin: Origin,
    git_source: GitSource | None,
    pypi_source: PypiSource | None,
    *,
    cache: Cache,
    reporter: Reporter,
    offline: bool = False,
) -> Tree:
    """The pristine tree of a pin, every byte checked.

    `auto` takes git, and where no git host answers the package index, with one line that says so.
    `offline` uses nothing but the cache. Raises `RequestError` when the pin does not have that
    origin or a URL is refused, `EnvironmentFailed` when nothing can be had.
    """
    _check_request(origin, git_source, pypi_source)
    wanted_git = git_source if origin != "pypi" else None
    wanted_pypi = pypi_source if origin != "git" else None
    if offline:
        return _from_cache(wanted_git, wanted_pypi, cache, reporter)
    if wanted_git is None:
        assert wanted_pypi is not None
        return _from_pypi(wanted_pypi, cache, reporter)
    try:
        return _from_git(wanted_git, cache, reporter)
    except NoGitHost as no_host:
        if wanted_pypi is None:
            if origin == "auto":
                no_host.args = (f"{no_host}; this pin is in no package registry",)
            raise
        return _instead_of_git(no_host, wanted_pypi, cache, reporter)


def git_key(source: GitSource) -> str:
    """The key of a git tree: the commit and the sparse rules, never the URL."""
    return f"git-{source.commit}-{_digest((source.sparse, 'dated'))}"


def pypi_key(source: PypiSource) -> str:
    """The key of a package's tree: the archive's sha256 and the layout rules."""
    return f"pypi-{source.sha256[:40]}-{_digest((source.moves, source.rewrites))}"


def _check_request(origin: Origin, git_source: GitSource | None, pypi_source: PypiSource | None) -> None:
    if origin == "git" and git_source is None:
        raise RequestError("this pin has no git origin; use --origin pypi")
    if origin == "pypi" and pypi_source is None:
        raise RequestError("this pin has no package on an index; use --origin git")
    if git_source is None and pypi_source is None:
        raise RequestError("this pin has no origin at all; correct its upstream.yaml")
    for url in git_source.urls if git_source and origin != "pypi" else ():
        safe_url(url)


def _instead_of_git(no_host: NoGitHost, source: PypiSource, cache: Cache, reporter: Reporter) -> Tree:
    try:
        tree = _from_pypi(source, cache, reporter)
    except NoIndex as no_index:
        raise EnvironmentFailed(
            f"no git host answered ({no_host.reasons}) and no package index has '{source.file}' ({no_index.reasons}); "
            "check the network or proxy, or name a mirror with --remote"
        ) from no_index
    differs = f": {tree.comparison.summary}" if tree.comparison else ""
    reporter.warn(f"no git host answered ({no_host.reasons}); using PyPI {source.title} instead{differs}")
    return tree


def _from_git(source: GitSource, cache: Cache, reporter: Reporter) -> Tree:
    key = git_key(source)

    def make(scratch: Path) -> Tree:
        got = git_room.fetch(source, scratch, reporter)
        facts = {"commit": source.commit, "url": got.url, "date": got.date}
        provenance = Provenance("git", source.title, received=got.received, **facts)
        return cache.store(key, got.entries, got.contents, provenance, scratch)

    return _cached_or(key, source.title, make, cache, reporter)


def _from_pypi(source: PypiSource, cache: Cache, reporter: Reporter, *, offline: bool = False) -> Tree:
    key = pypi_key(source)

    def make(scratch: Path) -> Tree:
        got = pypi_room.unpack(source, cache, scratch, reporter, offline=offline)
        provenance = Provenance(
            "pypi",
            source.title,
            sha256=source.sha256,
            project=source.project,
            version=source.version,
            file=source.file,
            url=got.url,
            received=got.received,
        )
        return cache.store(key, got.entries, got.contents, provenance, scratch)

    return _compared(_cached_or(key, source.title, make, cache, reporter), source)


def _cached_or(key: str, title: str, make: _Make, cache: Cache, reporter: Reporter) -> Tree:
    """The cached tree, else the one that `make` fetches while the key's lock is held."""
    try:
        tree = cache.load(key)
    except DamagedEntryError:
        tree = None  # said below, by the process that throws it away
    if tree is not None:
        return tree

    def waiting() -> None:
        reporter.note(f"waiting for another yolopatch that fetches {title}")

    with cache.locked(key, waiting):
        # Look again: while we waited another process may have made it, or made it anew.
        tree = _load_or_discard(key, title, cache, reporter)
        if tree is not None:
            return tree
        with cache.scratch() as scratch, cache.explained():
            return make(scratch)


def _load_or_discard(key: str, title: str, cache: Cache, reporter: Reporter, *, offline: bool = False) -> Tree | None:
    try:
        return cache.load(key)
    except DamagedEntryError as damage:
        then = "it is thrown away" if offline else "it is thrown away and fetched again"
        reporter.warn(f"the cached tree of {title} is damaged ({damage}); {then}")
        cache.discard(cache.tree_folder(key))
        return None


def _from_cache(git_source: GitSource | None, pypi_source: PypiSource | None, cache: Cache, reporter: Reporter) -> Tree:
    if git_source is not None:
        tree = _load_or_discard(git_key(git_source), git_source.title, cache, reporter, offline=True)
        if tree is not None:
            return tree
    if pypi_source is not None:
        tree = _load_or_discard(pypi_key(pypi_source), pypi_source.title, cache, reporter, offline=True)
        if tree is not None:
            return _compared(tree, pypi_source)
        if pypi_room.download_path(pypi_source, cache).is_file():
            return _from_pypi(pypi_source, cache, reporter, offline=True)
    titles = " nor ".join(source.title for source in (git_source, pypi_source) if source is not None)
    raise EnvironmentFailed(
        f"offline, and the cache '{cache.root}' does not hold {titles}; run this once without --offline"
    )


def _compared(tree: Tree, source: PypiSource) -> Tree:
    return replace(tree, comparison=compare(tree.entries, source.reference)) if source.reference else tree


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
