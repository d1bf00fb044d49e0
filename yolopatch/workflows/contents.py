"""What goes into a workspace, with the sha256 of each part: patches, templates, payload."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Catalog
from yolopatch.catalog.paths import payload_root
from yolopatch.series.patchfile import Patch, read_patch
from yolopatch.workflows.own_patches import OwnPatches, gather_own
from yolopatch.workflows.plan import Plan
from yolopatch.workflows.render import Rendered, render_form
from yolopatch.workspace.lock import LockedFile, locked_file


@dataclass(frozen=True)
class Contents:
    """All that is laid over the pristine tree, in order."""

    patches: tuple[Patch, ...]
    locked_patches: tuple[LockedFile, ...]
    payload: dict[str, bytes]
    """File name below the payload's folder to content; empty for `stock`."""
    payload_sha256: str | None
    models: tuple[Rendered, ...]
    locked_templates: tuple[LockedFile, ...]
    own: tuple[OwnPatches, ...] = ()
    """What comes from folders of the user's."""

    @property
    def locked_own(self) -> tuple[LockedFile, ...]:
        """The user's patches, of all folders."""
        return tuple(file for one in self.own for file in one.locked)


def gather(catalog: Catalog, plan: Plan, origin: str, folders: Sequence[Path] = ()) -> Contents:
    """Read and check everything before the first file is written.

    Raises:
        RequestError: a patch or a template is wrong, or one of the user's `folders` is.
    """
    kinds = kinds_of(stock=plan.variant is None)
    series = catalog.series(plan.upstream, plan.pin, origin, kinds)
    files = plan.fitted.patches if plan.fitted else catalog.patch_files(plan.upstream, series)
    patches = tuple(read_patch(file) for file in files)
    locked = tuple(locked_file(file, catalog.patches) for file in files)
    own = gather_own(plan.upstream, folders)
    if plan.variant is None:
        return Contents(patches, locked, {}, None, (), (), own)
    payload = read_payload(payload_root())
    models = tuple(render_form(catalog, plan, form) for form in plan.forms)
    templates = tuple(locked_file(file, catalog.templates) for file in _template_files(catalog, plan))
    return Contents(patches, locked, payload, _digest(payload), models, templates, own)


def kinds_of(*, stock: bool) -> tuple[str, ...]:
    """The kinds of series that go into a workspace, in order."""
    return ("compat",) if stock else ("compat", "revcol")


def read_payload(root: Path) -> dict[str, bytes]:
    """The payload's Python files by name below its folder."""
    files = sorted(path for path in root.rglob("*.py"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def _template_files(catalog: Catalog, plan: Plan) -> list[Path]:
    """Every template that can have gone into the YAML: those of the YOLO, the shared ones, the variants."""
    roots = {catalog.templates / Path(form.template).parent for form in plan.forms} | {catalog.templates / "shared"}
    return sorted([file for root in roots for file in root.rglob("*.j2")] + [catalog.templates / "variants.yaml"])


def _digest(files: dict[str, bytes]) -> str:
    total = hashlib.sha256()
    for name, data in sorted(files.items()):
        total.update(f"{name}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    return total.hexdigest()
