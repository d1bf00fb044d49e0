"""The patches of some series as slots: each with the patches of other series that serve the same purpose."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from yolopatch.catalog import Catalog, Series, Upstream
from yolopatch.series.patchfile import Patch, read_patch
from yolopatch.series.slots import Slot

_read = lru_cache(maxsize=None)(read_patch)


def slots_of(catalog: Catalog, upstream: Upstream, series: Sequence[str]) -> tuple[Slot, ...]:
    """A slot for each patch of the series called so, in order.

    Patches whose files have one name serve one purpose (`compat/np-int`, `compat-0.1/np-int`): each stands in for the
    other where that does not apply, in the order of `upstream.yaml`, unless the series have both.

    Raises:
        RequestError: a patch is missing or wrong.
    """
    by_name = {one.name: one for one in upstream.series}
    taken = {name for one in series for name in by_name[one].patches}
    return tuple(
        Slot(
            patch=_patch(catalog, upstream, name),
            others=tuple(_patch(catalog, upstream, other) for other in _others(upstream, by_name[one], name, taken)),
            optional=by_name[one].kind == "compat" or name in by_name[one].optional,
            ours=by_name[one].kind == "revcol",
        )
        for one in series
        for name in by_name[one].patches
    )


def further_slots(catalog: Catalog, upstream: Upstream, series: Sequence[str]) -> tuple[Slot, ...]:
    """A slot for each purpose of a `compat` patch that the series called so do not serve, but others do.

    A commit between two pins may need what only one of them has.
    """
    served = {_purpose(name) for one in upstream.series if one.name in series for name in one.patches}
    purposes: dict[str, list[Patch]] = {}
    for one in _of_git(upstream):
        for name in one.patches if one.kind == "compat" else ():
            if _purpose(name) not in served:
                purposes.setdefault(_purpose(name), []).append(_patch(catalog, upstream, name))
    slots = [list(dict.fromkeys(patches)) for patches in purposes.values()]
    return tuple(Slot(patches[0], tuple(patches[1:]), optional=True, ours=False) for patches in slots)


def patch_name(catalog: Catalog, upstream: Upstream, patch: Patch) -> str:
    """What a series calls a patch."""
    return patch.file.relative_to(catalog.patches / upstream.yolo).with_suffix("").as_posix()


def _others(upstream: Upstream, series: Series, name: str, taken: set[str]) -> list[str]:
    same_kind = [other for one in _of_git(upstream) if one.kind == series.kind for other in one.patches]
    return [other for other in dict.fromkeys(same_kind) if other not in taken and _purpose(other) == _purpose(name)]


def _of_git(upstream: Upstream) -> list[Series]:
    """The series that are for upstream's own files, not for those of some package made from them."""
    of_git = {name for pin in upstream.pins if pin.origins.git for name in pin.series}
    of_packages = {name for pin in upstream.pins if pin.origins.pypi for name in pin.origins.pypi.series or ()}
    return [one for one in upstream.series if one.name in of_git or one.name not in of_packages]


def _purpose(name: str) -> str:
    return PurePosixPath(name).name


def _patch(catalog: Catalog, upstream: Upstream, name: str) -> Patch:
    return _read(Path(catalog.patches / upstream.yolo / f"{name}.patch"))
