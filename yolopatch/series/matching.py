"""Which commit is which patch: by subject first, then by the place between commits that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from yolopatch.errors import RequestError
from yolopatch.series.history import Commit

_T = TypeVar("_T")
Key = tuple[str, str]
"""What kind of commit it is, and its name: two kinds may use one name."""


@dataclass(frozen=True)
class Known:
    """A patch, or another commit that apply made."""

    kind: str
    name: str
    made: Commit | None = None
    """The commit that apply made of it; None where apply did not know it yet."""
    subject: str | None = None
    """Of the patch file as it is now, which may have been exported since."""
    files: frozenset[str] = frozenset()
    """What the patch changes."""
    by_place: bool = True
    """Whether it may be found by its place, with another subject."""

    @property
    def key(self) -> Key:
        """What it is found as."""
        return self.kind, self.name


def match(known: Sequence[Known], commits: Sequence[Commit]) -> dict[Key, Commit]:
    """The commit of each; one that has none any more is left out.

    Raises:
        RequestError: two commits could be the same patch.
    """
    found: dict[Key, Commit] = {}
    _by_subject({one.key: one.made.subject for one in known if one.made}, known, commits, found)
    _by_subject({one.key: one.subject for one in known if one.subject}, known, commits, found)
    _by_place(known, commits, found)
    return found


def _by_subject(
    subjects: dict[Key, str], known: Sequence[Known], commits: Sequence[Commit], found: dict[Key, Commit]
) -> None:
    for subject in dict.fromkeys(subjects.values()):
        names = [one for one in known if subjects.get(one.key) == subject and one.key not in found]
        alike = [commit for commit in _free(commits, found) if commit.subject == subject]
        if names and alike:
            found.update(_pair_alike(names, alike))


def _pair_alike(names: list[Known], alike: list[Commit]) -> dict[Key, Commit]:
    """Pairs of patches and commits that all have one subject."""
    if len(names) == len(alike):
        return {one.key: commit for one, commit in zip(names, alike, strict=True)}
    pairs: dict[Key, Commit] = {}
    for one in names:
        same = [commit for commit in alike if commit.paths == _files(one)]
        if len(same) == 1:
            pairs[one.key] = same[0]
    if len(pairs) == min(len(names), len(alike)) and len({commit.id for commit in pairs.values()}) == len(pairs):
        return pairs
    ids = " and ".join(commit.id[:7] for commit in alike)
    which = " or ".join(one.name for one in names)
    if len(alike) == 1:
        raise RequestError(f"commit {alike[0].shown} could be {which}; give it a subject that tells")
    raise RequestError(
        f"commits {ids} have the same subject '{alike[0].subject}' and cannot be told apart ({which}); reword one"
    )


def _by_place(known: Sequence[Known], commits: Sequence[Commit], found: dict[Key, Commit]) -> None:
    """Pair what is left between the same neighbours."""
    key_of = {commit.id: key for key, commit in found.items()}
    gaps = _gaps([(one, one.key if one.key in found else None) for one in known])
    places = _gaps([(commit, key_of.get(commit.id)) for commit in commits])
    for neighbours, names in gaps.items():
        left = [one for one in names if one.by_place]
        if left and neighbours in places:
            found.update(_pair_placed(left, places[neighbours]))


def _pair_placed(names: list[Known], commits: list[Commit]) -> dict[Key, Commit]:
    # Amending, fixup and reword keep author and date; a commit that is new has others.
    stamped = [commit for commit in commits if any(one.made and one.made.stamp == commit.stamp for one in names)]
    if len(stamped) == len(names):
        commits = stamped
    if len(commits) == len(names):
        # A commit that shares no file with the patch is a new one where the patch was dropped.
        return {one.key: commit for one, commit in zip(names, commits, strict=True) if commit.paths & _files(one)}
    pairs: dict[Key, Commit] = {}
    for one in names:
        near = [commit for commit in commits if commit.paths & _files(one)]
        taken = {commit.id for commit in pairs.values()}
        if len(near) > 1 or (near and near[0].id in taken):
            wanted = one.made.subject if one.made else one.subject
            could = " or ".join(commit.shown for commit in near)
            raise RequestError(f"the patch {one.name} could be commit {could}; give it its old subject '{wanted}'")
        if near:
            pairs[one.key] = near[0]
    return pairs


_Neighbours = tuple["Key | None", "Key | None"]


def _gaps(items: Sequence[tuple[_T, Key | None]]) -> dict[_Neighbours, list[_T]]:
    """What is not found yet, by what is found before and after it."""
    keys = [key for _, key in items]
    gaps: dict[_Neighbours, list[_T]] = {}
    before: Key | None = None
    for at, (item, key) in enumerate(items):
        if key is not None:
            before = key
            continue
        after = next((later for later in keys[at:] if later is not None), None)
        gaps.setdefault((before, after), []).append(item)
    return gaps


def _files(one: Known) -> frozenset[str]:
    return one.made.paths if one.made else one.files


def _free(commits: Sequence[Commit], found: dict[Key, Commit]) -> list[Commit]:
    taken = {commit.id for commit in found.values()}
    return [commit for commit in commits if commit.id not in taken]
