"""Carries a pin's patches to another commit of upstream's, one by one, and goes on where it was interrupted."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Catalog, Upstream
from yolopatch.catalog.paths import is_installed
from yolopatch.console import Reporter
from yolopatch.errors import CheckFailed, RequestError
from yolopatch.paths import shown
from yolopatch.series import carry, repository
from yolopatch.series.apply import apply_patches
from yolopatch.series.history import commits_between
from yolopatch.series.patchfile import read_patch
from yolopatch.sources import Cache, Tree
from yolopatch.workflows.refresh_blame import why_conflict
from yolopatch.workflows.refresh_finish import Refreshed, finish
from yolopatch.workflows.refresh_target import Reach, find_source, find_target, known_outcomes, source_tree
from yolopatch.workspace.refreshing import Refreshing, read_refreshing
from yolopatch.workspace.state import is_free
from yolopatch.workspace.transaction import building, recover, take_away


@dataclass(frozen=True)
class RefreshRequest:
    """What the user asked for."""

    yolo: str
    to: str
    source: str | None = None
    """The pin whose patches are carried; None: the one nearest in time."""
    origin: str = "auto"
    """`git`, `pypi` (`to` is a release of upstream's), or `auto`."""
    dest: Path | None = None
    """Where the work is done; None: ./yolov8-refresh."""
    remote: str | None = None
    offline: bool = False
    write: bool = False
    level: str | None = None
    """How far to verify the result, `none`, or None for the default."""


def refresh(request: RefreshRequest, reporter: Reporter, catalog: Catalog | None = None) -> Refreshed:
    """Begin a refresh and carry it as far as it goes.

    Raises:
        RequestError: a name is unknown, the destination is taken, or the patches are those of an installed yolopatch.
        CheckFailed: a patch does not merge (its markers are in the files of the destination), or the patched model
            fails its verification.
        EnvironmentFailed: no git host answers.
    """
    catalog = catalog or Catalog()
    upstream = catalog.upstream(request.yolo)
    if is_installed(catalog.root):
        raise RequestError("the patches of an installed yolopatch are not to be changed; work in a checkout of it")
    folder = (request.dest or Path.cwd() / f"{upstream.name}-refresh").expanduser().absolute()
    if (folder / ".git").is_dir() and read_refreshing(folder) is not None:
        raise RequestError(f"a refresh is under way in {shown(folder)}; go on with --continue, --skip or --abort")
    if not is_free(folder):
        raise RequestError(f"{shown(folder)} is a workspace; choose another --dest")
    cache = Cache.default()
    with _locked(folder, cache, reporter):
        recover(folder)
        _begin(request, upstream, catalog, folder, cache, reporter)
        return _carry_on(folder, catalog, cache, reporter, write=request.write, level=request.level)


def go_on(
    folder: Path, reporter: Reporter, *, write: bool, level: str | None = None, catalog: Catalog | None = None
) -> Refreshed:
    """Go on after a conflict was resolved, or after a kill.

    Raises:
        RequestError: no refresh is under way there, or conflicts are not resolved yet.
        CheckFailed, EnvironmentFailed: as `refresh`.
    """
    catalog = catalog or Catalog()
    folder = folder.absolute()
    with _locked(folder, Cache.default(), reporter):
        state = _under_way(folder)
        now = carry.progress(folder, state.before)
        if now.conflict:
            _refuse_unresolved(folder)
            if carry.go_on(folder, state.before) == "empty":
                state = state.model_copy(update={"skipped": (*state.skipped, state.patches[state.at][0])})
            _next(folder, state)
        return _carry_on(folder, catalog, Cache.default(), reporter, write=write, level=level)


def skip(
    folder: Path, reporter: Reporter, *, write: bool, level: str | None = None, catalog: Catalog | None = None
) -> Refreshed:
    """Leave the patch out that does not merge, and go on.

    Raises:
        RequestError: no refresh is under way there, or none of its patches waits.
        CheckFailed, EnvironmentFailed: as `refresh`.
    """
    folder = folder.absolute()
    with _locked(folder, Cache.default(), reporter):
        state = _under_way(folder)
        if not carry.progress(folder, state.before).conflict:
            raise RequestError(f"{shown(folder)}: no patch waits to be resolved; go on with --continue")
        carry.begin_anew(folder, state.before)
        _next(folder, state.model_copy(update={"skipped": (*state.skipped, state.patches[state.at][0])}))
        return _carry_on(folder, catalog or Catalog(), Cache.default(), reporter, write=write, level=level)


def abort(folder: Path, reporter: Reporter) -> None:
    """Give a refresh up: its folder goes, and nothing else was written.

    Raises:
        RequestError: no refresh is under way there.
    """
    folder = folder.absolute()
    with _locked(folder, Cache.default(), reporter):
        _under_way(folder)
        take_away(folder)


@contextmanager
def _locked(folder: Path, cache: Cache, reporter: Reporter) -> Iterator[None]:
    name = repository.lock_name(folder)
    with cache.locked(name, lambda: reporter.note(f"waiting for another yolopatch at {shown(folder)}")):
        yield


def _begin(
    request: RefreshRequest, upstream: Upstream, catalog: Catalog, folder: Path, cache: Cache, reporter: Reporter
) -> None:
    """Make the folder: the source pin's tree with its patches, and the new tree checked out on top."""
    reach = Reach(request.origin, request.remote, request.offline)
    target = find_target(upstream, request.to, reach, cache, reporter)
    source = find_source(upstream, catalog, target, request.source)
    old = source_tree(upstream, catalog, source, target, reach, cache, reporter)
    series = catalog.series(upstream, source, old.provenance.kind, ("compat", "revcol"))
    files = catalog.patch_files(upstream, series)
    names = [file.relative_to(catalog.patches / upstream.yolo).with_suffix("").as_posix() for file in files]
    dropped, fitting = known_outcomes(catalog, upstream, source, target.tree, names, cache)
    with building(folder) as temporary, reporter.task("preparing"):
        repository.create(temporary)
        old.copy_to(temporary)
        base = repository.commit_all(temporary, f"{upstream.title} {source.name}", source.date.isoformat())
        apply_patches(temporary, [read_patch(file) for file in files])
        made = [one.id for one in commits_between(temporary, base)]
        repository.hold(temporary, "source", repository.head(temporary))
        repository.reset(temporary, base)
        _replace_files(temporary, target.tree)
        fresh = repository.commit_all(temporary, f"{upstream.title} {target.name}", target.date, empty=True)
        Refreshing(
            yolo=upstream.yolo,
            source=source.name,
            name=target.name,
            commit=target.commit,
            archive=target.archive,
            series=tuple(one.name for one in series),
            date=target.date,
            remote=request.remote,
            old=base,
            new=fresh,
            patches=tuple(zip(names, made, strict=True)),
            before=fresh,
            dropped=dropped,
            fitting=fitting,
        ).write(temporary)


def _replace_files(folder: Path, tree: Tree) -> None:
    for path in folder.iterdir():
        if path.name == ".git":
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    tree.copy_to(folder)


def _carry_on(
    folder: Path, catalog: Catalog, cache: Cache, reporter: Reporter, *, write: bool, level: str | None
) -> Refreshed:
    state = _under_way(folder)
    with reporter.task(f"carrying {len(state.patches)} patches", total=len(state.patches)) as task:
        while state.at < len(state.patches):
            state = _one(folder, state, catalog, cache, reporter)
            task.update(completed=state.at)
    return finish(folder, state, catalog, reporter, write=write, level=level)


def _one(folder: Path, state: Refreshing, catalog: Catalog, cache: Cache, reporter: Reporter) -> Refreshing:
    name, commit = state.patches[state.at]
    now = carry.progress(folder, state.before)
    if now.done:  # and killed before that was written down
        return _next(folder, state)
    if now.conflict:
        raise _conflict(folder, state, name, catalog, cache, reporter)
    carry.begin_anew(folder, state.before)
    if name in state.dropped:
        return _next(folder, state)
    fitting = state.fitting.get(name)
    if fitting is not None and _applies(folder, catalog.patches / state.yolo / f"{fitting}.patch"):
        return _next(folder, state)
    came_to = carry.pick(folder, commit)
    if came_to == "conflict":
        raise _conflict(folder, state, name, catalog, cache, reporter)
    if came_to == "empty":
        state = state.model_copy(update={"dropped": (*state.dropped, name)})
    return _next(folder, state)


def _applies(folder: Path, patch: Path) -> bool:
    """Commit the patch; what was merged before it may have moved what it needs."""
    try:
        apply_patches(folder, [read_patch(patch)])
    except CheckFailed:
        return False
    return True


def _next(folder: Path, state: Refreshing) -> Refreshing:
    state = state.model_copy(update={"at": state.at + 1, "before": repository.head(folder)})
    state.write(folder)
    return state


def _under_way(folder: Path) -> Refreshing:
    state = read_refreshing(folder) if (folder / ".git").is_dir() else None
    if state is None:
        raise RequestError(
            f"no refresh is under way in {shown(folder)}; begin one with yolopatch refresh --yolo NAME --to REV"
        )
    return state


def _refuse_unresolved(folder: Path) -> None:
    open_ones = carry.unmerged(folder)
    if open_ones:
        raise RequestError(f"{shown(folder)}: not resolved yet: {', '.join(open_ones)}; edit, git add, then --continue")
    edited = carry.unstaged(folder)
    if edited:
        raise RequestError(f"{shown(folder)}: edited but not added: {', '.join(edited)}; git add or git checkout them")
    left = carry.marked(folder)
    if left:
        raise RequestError(
            f"{shown(folder)}: conflict markers are left in {', '.join(left)}; remove them, git add again"
        )


def _conflict(
    folder: Path, state: Refreshing, name: str, catalog: Catalog, cache: Cache, reporter: Reporter
) -> CheckFailed:
    files = carry.unmerged(folder)
    lines = why_conflict(folder, state, name, files, catalog, cache, reporter)
    lines += [
        "edit what stands between <<<<<<< and >>>>>>>, then",
        *(f"  git -C {shown(folder)} add {file}" for file in files),
        f"  yolopatch refresh {shown(folder)} --continue    (--skip leaves this patch out, --abort gives up)",
    ]
    where = ", ".join(files) or "see git status"
    return CheckFailed(f"{name} does not merge: {where}, in {shown(folder)}", detail="\n".join(lines))
