"""Turns the commits of a workspace back into patch files: ours, or a series of the user's own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Catalog, Upstream
from yolopatch.catalog.own import OwnFolder, refuse_outside
from yolopatch.catalog.paths import is_installed
from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.series.export import Desk, open_desk
from yolopatch.series.history import Commit
from yolopatch.sources import Cache
from yolopatch.workflows import export_own
from yolopatch.workflows.commits import Opened, Sorted, open_commits, sort_commits
from yolopatch.workflows.export_ours import Ours, plan_ours
from yolopatch.workflows.patch_files import STATES, Line, Writing
from yolopatch.workspace.files import refuse_unwritable, write_files


@dataclass(frozen=True)
class PatchRequest:
    """What to export and where to."""

    workspace: Path
    to: Path | None = None
    """The folder of patches; None: the one that apply reads."""
    series: str | None = None
    """The user's commits become this series; None: our patches are exported."""


@dataclass(frozen=True)
class PatchExport:
    """What came of it."""

    folder: Path
    yolo: str
    series: str | None
    lines: tuple[Line, ...]
    notes: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many patches there are of each state."""
        return {state: sum(line.state == state for line in self.lines) for state in STATES}


def export_patches(request: PatchRequest, reporter: Reporter, catalog: Catalog | None = None) -> PatchExport:
    """Write the patches of a workspace's commits; nothing is written before all of it is right.

    Raises:
        RequestError: the workspace, its commits, the folder or the series' name is wrong.
        EnvironmentFailed: the folder cannot be written to.
    """
    catalog = catalog or Catalog()
    folder = _folder(request, catalog)
    with reporter.task("reading commits", plain=False):
        opened = open_commits(request.workspace)
        upstream = catalog.upstream(opened.lock.inputs.yolo)
    if request.series is not None:
        export_own.refuse_name(request.series, upstream)
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:24]
    cache = Cache.default()
    with cache.locked(f"export-{name}", lambda: reporter.note(f"waiting for another yolopatch at {folder}")):
        with reporter.task("comparing patches", plain=False), open_desk(request.workspace) as desk:
            writing = _plan(request, catalog, upstream, opened, folder, desk)
        for file in writing.files:
            refuse_outside(folder, file)
            refuse_unwritable(file)
        write_files(writing.files)
    if opened.new:
        writing.notes.append(f"in no commit, and so in no patch: {', '.join(opened.new[:5])}")
    return PatchExport(folder, upstream.yolo, request.series, tuple(writing.lines), tuple(writing.notes))


def _folder(request: PatchRequest, catalog: Catalog) -> Path:
    if request.to is None and is_installed(catalog.root):
        raise RequestError(f"{catalog.patches} belongs to the installed yolopatch; name a folder with --to")
    folder = catalog.patches if request.to is None else request.to.expanduser()
    if folder.exists() and not folder.is_dir():
        raise RequestError(f"--to {folder} is a file; name a folder")
    if request.series is not None and folder.resolve() == catalog.patches.resolve():
        raise RequestError(f"--to {folder} holds yolopatch's own patches; name another folder for yours")
    return folder


def _plan(
    request: PatchRequest, catalog: Catalog, upstream: Upstream, opened: Opened, folder: Path, desk: Desk
) -> Writing:
    ours = Ours(catalog, upstream, opened, folder)
    own_folder = OwnFolder(folder, upstream.yolo) if request.series is not None else None
    own = export_own.known_own(desk, opened, own_folder, request.series)
    parts = sort_commits(opened, upstream, ours.known(desk), own)
    if request.series is None or own_folder is None:
        _refuse_own(opened, parts, desk)
        return plan_ours(ours, parts, desk)
    pin = catalog.pin_like(upstream, opened.lock.inputs.pin, opened.lock.inputs.like)
    writing = export_own.plan_own(own_folder, request.series, upstream, pin, opened, parts, desk)
    edited = [name for name, made in opened.ours.items() if not _same(desk, parts.ours.get(name), made)]
    edited += [commit.shown for commit in parts.added]
    if edited:
        writing.notes.append(
            f"not in series {request.series}: what was changed in yolopatch's own patches ({', '.join(edited[:5])})"
        )
    return writing


def _refuse_own(opened: Opened, parts: Sorted, desk: Desk) -> None:
    """Raise `RequestError` where commits of the user's would be left out without a word."""
    changed = [
        commit for name, commit in parts.own.items() if name in opened.own and not _same(desk, commit, opened.own[name])
    ]
    mine: Sequence[Commit] = (*parts.on_top, *changed)
    if not mine:
        return
    count = f"{len(mine)} commit{'s' * (len(mine) > 1)} of yours on top ({mine[0].shown}{', ...' * (len(mine) > 1)})"
    raise RequestError(
        f"{opened.workspace}: {count}; --series NAME --to FOLDER makes a series of your own of them, "
        f"git rebase -i {opened.lock.base[:12]} puts them among yolopatch's patches"
    )


def _same(desk: Desk, commit: Commit | None, made: Commit) -> bool:
    return commit is not None and desk.same_change(commit, made)
