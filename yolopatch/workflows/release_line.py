"""Upstream's releases in the package registry as a line of steps, to try patches on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from yolopatch.catalog import Upstream
from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.series.trial import Bench
from yolopatch.sources import Cache, PypiSource, Tree, obtain
from yolopatch.sources.failures import NoIndex
from yolopatch.sources.history import Step
from yolopatch.sources.index import Release, list_releases
from yolopatch.workflows.source import moves_of


@dataclass(frozen=True)
class ReleaseLine:
    """The releases that were asked for, oldest first."""

    steps: tuple[Step, ...]
    trees: dict[str, list[tuple[str, str]]]
    """Path and blob id of each file, by version."""


def releases_between(upstream: Upstream, span: str, every: int) -> list[Release]:
    """The releases of `span` (`8.1.0..8.3.0`, either end may be missing): every so many, and the newest of each minor.

    Raises:
        RequestError: upstream has no releases of its own, or there are none in the span.
        EnvironmentFailed: no package index answers.
    """
    if upstream.releases is None:
        raise RequestError(f"{upstream.title} has no releases of its own in the package registry; leave --releases out")
    first, dots, last = span.partition("..")
    if not dots:
        first, last = span, span
    low, high = _version(first), _version(last)
    try:
        known = list_releases(upstream.releases.project)
    except NoIndex as error:
        raise EnvironmentFailed(f"no package index lists {upstream.releases.project} ({error.reasons})") from error
    found = [
        one
        for one in known
        if (low is None or Version(one.version) >= low) and (high is None or Version(one.version) <= high)
    ]
    if not found:
        ends = f"{known[0].version} to {known[-1].version}"
        raise RequestError(f"no release of {upstream.releases.project} in '{span}'; there are {ends}")
    newest = {Version(one.version).release[:2]: one for one in found}.values()
    return [one for at, one in enumerate(found) if at % every == 0 or one in newest]


def release_line(
    upstream: Upstream,
    releases: Sequence[Release],
    paths: Sequence[str],
    bench: Bench,
    cache: Cache,
    reporter: Reporter,
) -> ReleaseLine:
    """Fetch the releases, one after the other and each once, and put their files where patches are tried.

    Raises:
        EnvironmentFailed: one of them cannot be had.
    """
    assert upstream.releases is not None
    steps, trees = [], {}
    with reporter.task(f"fetching {len(releases)} releases", total=len(releases)) as task:
        for at, one in enumerate(releases):
            tree = release_tree(upstream, one, cache)
            bench.add_files(tree.folder / entry.path for entry in tree.entries)
            watched = frozenset(paths)
            blobs = tuple((entry.path, entry.mode, entry.blob) for entry in tree.entries if entry.path in watched)
            steps.append(
                Step(one.version, one.date or "1970-01-01", f"{upstream.releases.project} {one.version}", blobs)
            )
            trees[one.version] = [(entry.path, entry.blob) for entry in tree.entries]
            task.update(completed=at + 1)
    return ReleaseLine(tuple(steps), trees)


def release_tree(upstream: Upstream, release: Release, cache: Cache) -> Tree:
    """The tree of one release.

    Raises:
        EnvironmentFailed: it cannot be had.
    """
    assert upstream.releases is not None
    project = upstream.releases.project
    source = PypiSource(
        project=project,
        version=release.version,
        file=release.file,
        sha256=release.sha256,
        moves=moves_of(upstream, upstream.releases.layout, project, release.version),
    )
    return obtain("pypi", None, source, cache=cache, reporter=Reporter(quiet=True))


def _version(text: str) -> Version | None:
    if not text:
        return None
    try:
        return Version(text)
    except InvalidVersion:
        raise RequestError(f"'{text}' is no version; --releases takes 8.1.0..8.3.39, 8.1.0.. or ..8.1.0") from None
