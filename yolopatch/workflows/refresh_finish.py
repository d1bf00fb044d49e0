"""The end of a refresh: new patch files and entries are proved by an apply, then written."""

from __future__ import annotations

import datetime
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Catalog, Origins, Pin, PypiOrigin, Upstream
from yolopatch.console import Reporter
from yolopatch.errors import CheckFailed, RequestError
from yolopatch.paths import shown
from yolopatch.series.export import open_desk
from yolopatch.series.history import Commit, commits_between
from yolopatch.series.matching import Known, match
from yolopatch.series.patchfile import read_patch
from yolopatch.workflows import apply as apply_room
from yolopatch.workflows.refresh_entry import Entry, make_entry, with_entry
from yolopatch.workspace.files import write_files
from yolopatch.workspace.refreshing import Refreshing
from yolopatch.workspace.transaction import take_away

_VARIANT = "revcol-a"
_OURS = "ours"


@dataclass(frozen=True)
class Refreshed:
    """A refresh that came to its end."""

    state: Refreshing
    entry: Entry
    written: tuple[Path, ...]
    """The new patch files, and upstream.yaml where that was asked for."""
    upstream_yaml: Path
    parameters: int | None


def finish(
    folder: Path, state: Refreshing, catalog: Catalog, reporter: Reporter, *, write: bool, level: str | None
) -> Refreshed:
    """Prove what was carried and write it; the refresh's folder goes.

    Raises:
        RequestError: a commit belongs to no patch, or no proper patch can be made of one.
        CheckFailed: the patched model fails its verification; the folder stays, to go on with --continue.
    """
    upstream = catalog.upstream(state.yolo)
    source = catalog.pin(upstream, state.source)
    date = datetime.date.fromisoformat(state.date)
    archive = PypiOrigin(**state.archive.model_dump()) if state.archive else None
    facts = {"name": state.name, "commit": state.commit, "date": date}
    new = source.model_copy(update={**facts, "origins": Origins(git=archive is None, pypi=archive)})
    commits = _commits(folder, state, catalog.patches / upstream.yolo)
    with open_desk(folder) as desk:
        entry = make_entry(catalog, upstream, source, new, state.series, commits, state.fitting, desk)
    yaml = catalog.patches / upstream.yolo / "upstream.yaml"
    text = with_entry(yaml.read_text(encoding="utf-8"), entry)
    parameters = _prove(folder, state, catalog, upstream, new, entry, text, level, reporter)
    files = {catalog.patches / upstream.yolo / f"{name}.patch": data for name, data in entry.files.items()}
    if write:
        files[yaml] = text.encode()
    write_files(files)
    take_away(folder)
    return Refreshed(state, entry, tuple(files), yaml, parameters)


def _commits(folder: Path, state: Refreshing, patches: Path) -> dict[str, Commit]:
    """The commits of the patches as they are now, in order."""
    made = {commit.id: commit for commit in commits_between(folder, state.old, state.patches[-1][1])}
    gone = {*state.dropped, *state.skipped}
    subjects = {name: read_patch(patches / f"{other}.patch").subject for name, other in state.fitting.items()}
    known = [
        Known(_OURS, name, made[commit], subject=subjects.get(name))
        for name, commit in state.patches
        if name not in gone
    ]
    now = commits_between(folder, state.new)
    found = match(known, now)
    strays = [commit for commit in now if commit not in found.values()]
    if strays:
        raise RequestError(
            f"{shown(folder)}: commit {strays[0].shown} belongs to no patch; squash it into one "
            f"(git -C {shown(folder)} rebase -i {state.new[:12]}), then --continue"
        )
    return {name: found[_OURS, name] for name, _ in state.patches if (_OURS, name) in found}


def _prove(
    folder: Path,
    state: Refreshing,
    catalog: Catalog,
    upstream: Upstream,
    new: Pin,
    entry: Entry,
    text: str,
    level: str | None,
    reporter: Reporter,
) -> int | None:
    """Apply from a copy of the catalog that has the entry; the number of the model's parameters."""
    with tempfile.TemporaryDirectory(prefix="yolopatch-") as name:
        root = Path(name) / "data"
        for part in ("patches", "templates"):
            shutil.copytree(catalog.root / part, root / part)
        write_files({root / "patches" / upstream.yolo / f"{one}.patch": data for one, data in entry.files.items()})
        (root / "patches" / upstream.yolo / "upstream.yaml").write_text(text, encoding="utf-8")
        variant = _VARIANT if _VARIANT in catalog.variants else next(iter(catalog.variants))
        request = apply_room.Request(
            yolo=upstream.yolo,
            variant=variant,
            pin=new.name,
            origin=state.origin,
            remote=state.remote,
            dest=Path(name) / "workspace",
            verify=level,
        )
        try:
            applied = apply_room.apply(request, reporter, Catalog(root))
        except CheckFailed as error:
            raise CheckFailed(
                f"all patches are carried, but {error}",
                detail=f"{error.detail or ''}\nmend it in {shown(folder)} by commits (git commit --amend, rebase), "
                f"then yolopatch refresh {shown(folder)} --continue",
            ) from error
    facts = (
        {key: value for level in applied.report.levels for key, value in level.facts.items()} if applied.report else {}
    )
    return int(facts["parameters"]) if "parameters" in facts else None
