"""The commits of a workspace, told apart: our patches, payload and model YAML, and what is the user's."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Upstream
from yolopatch.errors import RequestError
from yolopatch.paths import safe_tree_path
from yolopatch.series import repository
from yolopatch.series.history import Commit, commits_between, descends, under_way
from yolopatch.series.matching import Key, Known, match
from yolopatch.workflows.status import inspect, refuse_reverted
from yolopatch.workspace.lock import Lock, LockedFile, read_lock

OURS, FIXED, OWN = "ours", "fixed", "own"
"""Kinds of commits that apply makes: our patches, payload and YAML, patches of the user's."""
_PAYLOAD = "the payload"
_MODELS = "the model YAML"


@dataclass(frozen=True)
class Opened:
    """A workspace whose commits can be exported."""

    workspace: Path
    lock: Lock
    commits: tuple[Commit, ...]
    """As they are now, oldest first."""
    ours: dict[str, Commit]
    """What apply made of each of our patches, by the patch's name."""
    fixed: dict[str, Commit]
    """What apply made of payload and model YAML."""
    own: dict[str, Commit]
    """What apply made of each patch of the user's folders."""
    new: tuple[str, ...]
    """Files that are in no commit."""


@dataclass(frozen=True)
class Sorted:
    """Which commit is what."""

    ours: dict[str, Commit]
    """Our patches, in the order of the commits."""
    added: tuple[Commit, ...]
    """Commits among our patches that are none of them."""
    own: dict[str, Commit]
    """The user's patches that are known, in the order of the commits."""
    on_top: tuple[Commit, ...]
    """Further commits of the user's."""


def open_commits(workspace: Path) -> Opened:
    """Read the commits of a workspace.

    Raises:
        RequestError: it is no workspace or a reverted one, something in it is not committed or not
            finished, or its history is not one line from upstream's tree.
    """
    refuse_reverted(workspace)
    lock = read_lock(workspace)
    doing = under_way(workspace) if (workspace / ".git").exists() else None
    if doing:
        raise RequestError(
            f"{workspace}: a git {doing} is under way; end it first (git {doing} --continue or git {doing} --abort)"
        )
    status = inspect(workspace)
    if status.edited:
        raise RequestError(f"{workspace}: not committed: {_some(status.edited)}; git commit or git stash that first")
    _refuse_lost(workspace, lock)
    commits = commits_between(workspace, lock.base)
    _refuse_unfinished(workspace, lock, commits)
    names = [_name(file, lock) for file in lock.inputs.patches]
    fixed = [_PAYLOAD, _MODELS] if lock.inputs.payload_sha256 else []
    own = [_name(file, lock) for file in lock.inputs.own_patches]
    made = commits_between(workspace, lock.base, lock.commit)
    if len(made) != len(names) + len(fixed) + len(own):
        raise RequestError(f"{workspace}: its lock does not name the commits that apply made; apply again with --force")
    steps = iter(made)
    return Opened(
        workspace,
        lock,
        commits,
        {name: next(steps) for name in names},
        {name: next(steps) for name in fixed},
        {name: next(steps) for name in own},
        status.new,
    )


def sort_commits(opened: Opened, upstream: Upstream, ours: Sequence[Known], own: Sequence[Known]) -> Sorted:
    """Tell the commits apart; `ours` and `own` are the patches that may be among them, in order.

    Raises:
        RequestError: two commits cannot be told apart, or one changes what belongs to yolopatch.
    """
    fixed = [Known(FIXED, name, made, by_place=False) for name, made in opened.fixed.items()]
    found = match([*ours, *fixed, *own], opened.commits)
    places = {commit.id: at for at, commit in enumerate(opened.commits)}
    last = _refuse_touched(opened, upstream, found, places)
    if not opened.fixed:  # a stock workspace: its patches are all that apply made
        last = max((places[found[one.key].id] for one in ours if one.key in found), default=-1)
    taken = {commit.id for commit in found.values()}
    free = [commit for commit in opened.commits if commit.id not in taken]
    in_order = sorted(found.items(), key=lambda item: places[item[1].id])
    return Sorted(
        {name: commit for (kind, name), commit in in_order if kind == OURS},
        tuple(commit for commit in free if places[commit.id] < last),
        {name: commit for (kind, name), commit in in_order if kind == OWN},
        tuple(commit for commit in free if places[commit.id] > last),
    )


def _refuse_lost(workspace: Path, lock: Lock) -> None:
    again = "apply into a new --dest and take your commits over with git cherry-pick"
    if not repository.has_commit(workspace, lock.base) or not descends(workspace, lock.base):
        raise RequestError(
            f"{workspace}: the history was rewritten below the commit of upstream's tree ({lock.base[:12]}); {again}"
        )
    if not repository.has_commit(workspace, lock.commit):
        raise RequestError(f"{workspace}: git has dropped the commits that apply made ({lock.commit[:12]}); {again}")


def _refuse_unfinished(workspace: Path, lock: Lock, commits: Sequence[Commit]) -> None:
    merge = next((commit for commit in commits if len(commit.parents) > 1), None)
    if merge:
        raise RequestError(
            f"{workspace}: commit {merge.shown} is a merge, of which no patch can be made; "
            f"git rebase {lock.base[:12]} makes it one line of commits"
        )
    waiting = [commit for commit in commits if commit.to_be_squashed]
    if waiting:
        command = f"git -C {shlex.quote(str(workspace))} rebase -i --autosquash {lock.base[:12]}"
        raise RequestError(f"{workspace}: commit {waiting[0].shown} is to be squashed; run {command}")


def _refuse_touched(opened: Opened, upstream: Upstream, found: dict[Key, Commit], places: dict[str, int]) -> int:
    """The place of the last commit that belongs to yolopatch; raises where one was changed."""
    last = -1
    for name, made in opened.fixed.items():
        commit = found.get((FIXED, name))
        if commit is None:
            raise RequestError(f"{opened.workspace}: no commit is called '{made.subject}' any more; git reflog has it")
        if commit.changes != made.changes:
            raise RequestError(f"{opened.workspace}: commit {commit.shown} was changed, but {name} {_BELONGS}")
        last = max(last, places[commit.id])
    theirs = {found[FIXED, name].id for name in opened.fixed}
    configs = set(opened.lock.configs.values()) if opened.fixed else set()
    for commit in opened.commits[: last + 1]:
        touched = sorted(path for path in commit.paths if path in configs or path.startswith(f"{upstream.payload}/"))
        if touched and commit.id not in theirs:
            raise RequestError(f"{opened.workspace}: commit {commit.shown} changes {touched[0]}, which {_BELONGS}")
    return last


_BELONGS = "belongs to yolopatch; make your change a commit of your own on top"


def _name(file: LockedFile, lock: Lock) -> str:
    """The patch's name as a series has it: `v8/compat/np-trapz.patch` is `compat/np-trapz`."""
    name = file.name.removeprefix(f"{lock.inputs.yolo}/").removesuffix(".patch")
    return safe_tree_path(name)


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
