"""The tree that patches are carried to, a commit of upstream's or a release, and the pin that they are carried from."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from packaging.version import InvalidVersion, Version

from yolopatch.catalog import Catalog, Pin, Upstream
from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.series.slots import APPLIES, FITS
from yolopatch.sources import Cache, GitSource, Origin, Tree, obtain
from yolopatch.workflows.any_commit import commit_named, fits_of, name_for
from yolopatch.workflows.patch_sets import slot_sets
from yolopatch.workflows.release_line import release_tree, releases_between
from yolopatch.workflows.slots import patch_name
from yolopatch.workflows.source import git_source, pypi_source
from yolopatch.workspace.refreshing import Archive


@dataclass(frozen=True)
class Target:
    """Where the patches are carried to: a commit, or an archive of the package registry."""

    name: str
    """What its pin is to be called."""
    tree: Tree
    date: str
    commit: str | None = None
    archive: Archive | None = None


@dataclass(frozen=True)
class Reach:
    """Where trees may come from."""

    origin: str
    """`auto`: git, and the package registry for a release that git does not give."""
    remote: str | None
    offline: bool


def find_target(upstream: Upstream, to: str, reach: Reach, cache: Cache, reporter: Reporter) -> Target:
    """What `to` names: an id, a tag or a branch of upstream's, or one of its releases.

    Raises:
        RequestError: there is none of that name.
        EnvironmentFailed: neither a git host nor a package index answers.
    """
    version = _version(to) if upstream.releases else None
    if reach.origin == "pypi":
        if version is None:
            raise RequestError(f"'{to}' is no release of {upstream.title} in the package registry; use --origin git")
        return _release(upstream, version, cache)
    try:
        return _commit(upstream, to, reach, cache, reporter)
    except (RequestError, EnvironmentFailed) as error:
        if version is None or reach.origin == "git" or reach.remote or reach.offline:
            raise
        reporter.note(f"{error}; the package registry is asked")
        return _release(upstream, version, cache)


def find_source(upstream: Upstream, catalog: Catalog, target: Target, name: str | None) -> Pin:
    """The pin called `name`, or the one nearest in time.

    Raises:
        RequestError: there is none of that name, or it is not where the target is.
    """
    for pin in upstream.pins:
        if _is(pin, target):
            raise RequestError(f"{target.name} is a pin of {upstream.title} already; its patches need no refresh")
    if name is not None:
        found = catalog.pin(upstream, name)
        if target.commit is not None and not found.origins.git:
            raise RequestError(f"pin {found.name} is not in upstream's git history; name another with --from")
        return found
    pins = [pin for pin in upstream.pins if (pin.origins.git if target.commit else pin.origins.pypi)]
    if not pins:
        raise RequestError(f"no pin of {upstream.title} is in the package registry; name one with --from")
    day = datetime.date.fromisoformat(target.date)
    return min(pins, key=lambda pin: abs(pin.date - day))


def source_tree(
    upstream: Upstream, catalog: Catalog, pin: Pin, target: Target, reach: Reach, cache: Cache, reporter: Reporter
) -> Tree:
    """The pin's tree, from where the target's is if it is there."""
    origin = "git" if target.commit or not pin.origins.pypi else "pypi"
    git, pypi = git_source(upstream, pin, reach.remote), pypi_source(catalog, upstream, pin)
    return obtain(cast(Origin, origin), git, pypi, cache=cache, reporter=reporter, offline=reach.offline)


def known_outcomes(
    catalog: Catalog, upstream: Upstream, source: Pin, tree: Tree, names: Sequence[str], cache: Cache
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Those of the source's patches called `names` that need no merge.

    Returns:
        The patches that are not needed on the tree, since it has the change or lacks what is to be changed; and by
        the name of a patch what applies as it is: the patch itself, or one of another series.
    """
    found = fits_of(slot_sets(catalog, upstream, source), tree, cache)[0]
    pairs = [
        (patch_name(catalog, upstream, slot.patch), slot, outcome)
        for slot, outcome in zip(found.set.all_slots, found.outcomes, strict=True)
    ]
    mine = [(name, slot, outcome) for name, slot, outcome in pairs if name in names and outcome.state in FITS]
    dropped = tuple(name for name, _, outcome in mine if outcome.state not in APPLIES)
    fitting = {
        name: patch_name(catalog, upstream, slot.choices[outcome.used])
        for name, slot, outcome in mine
        if outcome.used is not None and name not in dropped
    }
    return dropped, fitting


def _is(pin: Pin, target: Target) -> bool:
    if target.commit is not None:
        return pin.commit == target.commit
    archive, origin = target.archive, pin.origins.pypi
    return archive is not None and origin is not None and (origin.project, origin.version) == _name(archive)


def _name(archive: Archive) -> tuple[str, str]:
    return archive.project, archive.version


def _commit(upstream: Upstream, to: str, reach: Reach, cache: Cache, reporter: Reporter) -> Target:
    urls: Sequence[str] = upstream.urls(reach.remote)
    commit = commit_named(upstream, to, urls, offline=reach.offline, cache=cache, reporter=reporter)
    source = GitSource(tuple(urls), commit, upstream.sparse)
    tree = obtain("git", source, None, cache=cache, reporter=reporter, offline=reach.offline)
    assert tree.provenance.date is not None
    return Target(name_for(to, commit), tree, tree.provenance.date, commit=commit)


def _release(upstream: Upstream, version: Version, cache: Cache) -> Target:
    assert upstream.releases is not None
    found = releases_between(upstream, str(version), 1)[0]
    archive = Archive(
        project=upstream.releases.project,
        version=found.version,
        file=found.file,
        sha256=found.sha256,
        layout=upstream.releases.layout,
    )
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return Target(found.version, release_tree(upstream, found, cache), found.date or today, archive=archive)


def _version(text: str) -> Version | None:
    try:
        return Version(text)  # 'v8.3.40' is one too
    except InvalidVersion:
        return None
