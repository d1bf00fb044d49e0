"""Turns a trained checkpoint into one for inference: the lead head alone, nothing that only training needs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from yolopatch.catalog import Catalog, Upstream
from yolopatch.catalog.deploy import deploy_spec
from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.verify import ProbeSpec
from yolopatch.verify.deploy import DeployRequest, run_deploy
from yolopatch.workflows.stage import find_interpreter
from yolopatch.workflows.status import refuse_reverted
from yolopatch.workspace.lock import read_lock

_SUFFIX = ".pt"  # upstream's scripts choose the loader by it


@dataclass(frozen=True)
class Deployed:
    """What went in and what came out. `max_difference` is over decoded predictions, boxes in units of the picture."""

    weights: str
    out: str
    form: str
    deployed_form: str
    head: str
    deployed_head: str
    rows: int
    deployed_rows: int
    parameters: int
    deployed_parameters: int
    bytes: int
    deployed_bytes: int
    max_difference: float
    tolerance: float
    imgsz: int

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return asdict(self)


def deploy(
    workspace: Path,
    weights: Path,
    *,
    form: str | None,
    out: Path | None,
    force: bool,
    python: Path | None,
    reporter: Reporter,
) -> Deployed:
    """Convert `weights`, a checkpoint that was trained in `workspace`, and write it to `out`.

    Without `out` it is written beside `weights`. The checkpoint's own model YAML is what is converted, so a YAML that
    was edited before training stays as it was edited.

    Raises:
        RequestError: it is no workspace, the checkpoint is not of its YOLO, or `out` is taken.
        CheckFailed: predictions before and after differ by more than 1e-4.
        EnvironmentFailed: the interpreter lacks a package.
    """
    refuse_reverted(workspace)
    lock = read_lock(workspace)
    catalog = Catalog()
    upstream = catalog.upstream(lock.inputs.yolo)
    if form is not None:
        catalog.form(upstream, form)
    out = _destination(weights, out, force=force)
    interpreter = find_interpreter(str(python) if python else None)
    request = DeployRequest(weights, out, form, _document(catalog, upstream))
    facts = run_deploy(workspace.absolute(), request, python=Path(interpreter), reporter=reporter)
    return Deployed(
        weights=str(weights),
        out=str(out),
        bytes=weights.stat().st_size,
        deployed_bytes=out.stat().st_size,
        **facts,
    )


def _destination(weights: Path, out: Path | None, *, force: bool) -> Path:
    if not weights.is_file():
        raise RequestError(f"{weights}: no such file; give --weights the best.pt of a finished training")
    out = out or weights.with_name(f"{weights.stem}-deploy{_SUFFIX}")
    if out.suffix != _SUFFIX:
        raise RequestError(f"{out}: upstream's scripts know a checkpoint by its suffix; end --out in {_SUFFIX}")
    if not out.parent.is_dir():
        raise RequestError(f"{out.parent}: no such folder; make it, or name another --out")
    if out.is_dir() or (out.exists() and out.samefile(weights)):
        raise RequestError(f"{out}: a folder or the checkpoint itself; name another --out")
    if out.exists() and not force:
        raise RequestError(f"{out} exists; name another --out, or give --force to replace it")
    return out


def _document(catalog: Catalog, upstream: Upstream) -> dict[str, Any]:
    spec = deploy_spec(catalog, upstream)
    probe: ProbeSpec = catalog.probe(upstream.yolo)
    forms = {}
    for form in upstream.forms:
        conversion = spec.forms.get(form.name)
        forms[form.name] = {
            "name": form.name,
            "detector": form.detector,
            "decoded": probe.for_form(form.name).decoded.model_dump(mode="json"),
            "conversion": conversion.model_dump(mode="json") if conversion else None,
        }
    return {
        "spec": probe.for_form(upstream.default_form.name).model_dump(mode="json", by_alias=True),
        "strip": list(spec.strip),
        "forms": forms,
    }
