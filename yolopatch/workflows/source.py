"""From a pin to its pristine tree, and what the lock says about it."""

from __future__ import annotations

from typing import cast

from yolopatch.catalog import Catalog, Pin, Upstream
from yolopatch.console import Reporter
from yolopatch.sources import Cache, GitSource, Origin, PypiSource, Tree, obtain, read_blobs
from yolopatch.workflows.plan import Plan
from yolopatch.workspace.lock import Source


def obtain_tree(
    plan: Plan, catalog: Catalog, cache: Cache, reporter: Reporter, *, origin: str, remote: str | None, offline: bool
) -> Tree:
    """The pristine tree of the plan's pin (see `yolopatch.sources.obtain`).

    Who names a `remote` wants that remote: there is no falling back to the package registry.
    """
    if remote is not None and origin == "auto":
        origin = "git"
    return obtain(
        cast(Origin, origin),
        git_source(plan.upstream, plan.pin, remote),
        pypi_source(catalog, plan.upstream, plan.pin),
        cache=cache,
        reporter=reporter,
        offline=offline,
    )


def git_source(upstream: Upstream, pin: Pin, remote: str | None) -> GitSource | None:
    """What to fetch with git; a `remote` of the user's takes the place of all known URLs."""
    if not pin.origins.git or pin.commit is None:
        return None
    return GitSource(upstream.urls(remote), pin.commit, upstream.sparse)


def pypi_source(catalog: Catalog, upstream: Upstream, pin: Pin) -> PypiSource | None:
    """What to take from the package registry."""
    origin = pin.origins.pypi
    if origin is None:
        return None
    layout = upstream.layouts[origin.layout]
    moves = moves_of(upstream, origin.layout, origin.project, origin.version)
    blobs = catalog.blobs_file(upstream, pin)
    return PypiSource(
        project=origin.project,
        version=origin.version,
        file=origin.file,
        sha256=origin.sha256,
        moves=moves,
        rewrites=tuple((rewrite.files, rewrite.pattern, rewrite.replacement) for rewrite in layout.rewrites),
        reference=read_blobs(blobs) if blobs else (),
    )


def locked_source(plan: Plan, tree: Tree) -> Source:
    """The lock's account of a tree: where it is from and which files are not those of the pin."""
    where = tree.provenance
    differs = tree.comparison
    return Source(
        origin=where.kind,
        commit=plan.pin.commit,
        archive=where.file,
        archive_sha256=where.sha256,
        identical_files=differs.identical if differs else None,
        different=differs.different if differs else (),
        missing=differs.missing if differs else (),
        extra=differs.extra if differs else (),
    )


def describe(tree: Tree, reporter: Reporter) -> None:
    """Say how near a package's tree is to the pin's commit, and name the files that are not."""
    differs = tree.comparison
    if differs is None:
        return
    reporter.note(f"{tree.provenance.title}: {differs.summary}")
    lists = (("differ", differs.different), ("missing", differs.missing), ("only in the package", differs.extra))
    for what, names in lists:
        if names:
            reporter.note(f"  {what}: {', '.join(names)}")


def moves_of(upstream: Upstream, layout: str, project: str, version: str) -> tuple[tuple[str, str], ...]:
    """The moves of a layout for one version: they may name the dist-info folder by project and version."""
    names = {"{project}": project.replace("-", "_"), "{version}": version}
    moves = []
    for move in upstream.layouts[layout].moves:
        source = move.source
        for placeholder, name in names.items():
            source = source.replace(placeholder, name)
        moves.append((source, move.target))
    return tuple(moves)
