"""The patches of a lab's own folders, read and checked before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Upstream
from yolopatch.catalog.own import own_folder
from yolopatch.errors import CheckFailed, RequestError
from yolopatch.series.apply import apply_patches
from yolopatch.series.patchfile import Patch, read_patch
from yolopatch.workspace.lock import LockedFile, locked_file


@dataclass(frozen=True)
class OwnPatches:
    """What one folder adds, in order."""

    root: Path
    patches: tuple[Patch, ...]
    locked: tuple[LockedFile, ...]


def gather_own(upstream: Upstream, roots: Sequence[Path]) -> tuple[OwnPatches, ...]:
    """Read the patches of every folder.

    Raises:
        RequestError: a folder has none for this YOLO, a patch is wrong, or two folders use one name.
    """
    seen: dict[str, Path] = {}
    gathered = []
    for root in roots:
        folder, content = own_folder(root.expanduser(), upstream)
        files = [folder.patch(name) for series in content.series for name in series.patches]
        own = OwnPatches(
            root, tuple(read_patch(file) for file in files), tuple(locked_file(file, folder.root) for file in files)
        )
        names = [*(f"series '{series.name}'" for series in content.series), *(f"'{one.name}'" for one in own.locked)]
        for name in names:
            if name in seen:
                raise RequestError(f"{name} stands in {seen[name]} and in {root}; rename it in one of them")
            seen[name] = root
        gathered.append(own)
    return tuple(gathered)


def apply_own(folder: Path, own: Sequence[OwnPatches]) -> None:
    """Commit the patches of every folder on top of HEAD of the repository `folder`.

    Raises:
        CheckFailed: a patch does not apply; the message names its folder, too.
    """
    for one in own:
        try:
            apply_patches(folder, one.patches)
        except CheckFailed as error:
            raise CheckFailed(f"--patches {one.root}: {error}", detail=error.detail) from error
