"""Verifies a workspace, or a tree that is about to become one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import STRIDES, Catalog
from yolopatch.catalog.names import unknown
from yolopatch.console import Reporter
from yolopatch.verify import Nursery, ProbeRequest, VerifyReport, run_probe
from yolopatch.workflows.status import refuse_reverted
from yolopatch.workspace.lock import read_lock


@dataclass(frozen=True)
class Target:
    """One model of one tree."""

    folder: Path
    shown: str
    """What the user calls the folder, for the command that runs a level again."""
    yolo: str
    config: str
    form: str
    head: str
    classes: int


def verify(
    workspace: Path, level: str, *, form: str | None, python: str | None, device: str, reporter: Reporter
) -> VerifyReport:
    """Run the probes of a workspace up to `level`.

    Raises:
        RequestError: it is no workspace, or has no such form.
        EnvironmentFailed: the interpreter lacks a package.
    """
    refuse_reverted(workspace)
    lock = read_lock(workspace)
    catalog = Catalog()
    upstream = catalog.upstream(lock.inputs.yolo)
    if form is None:
        form = upstream.default_form.name if upstream.default_form.name in lock.configs else next(iter(lock.configs))
    if form not in lock.configs:
        raise unknown("form", form, lock.configs)
    target = Target(
        folder=workspace.absolute(),
        shown=str(workspace),
        yolo=lock.inputs.yolo,
        config=lock.configs[form],
        form=form,
        head=lock.inputs.head,
        classes=lock.inputs.classes,
    )
    return verify_target(target, level, python=python, device=device, reporter=reporter, catalog=catalog)


def verify_target(
    target: Target,
    level: str,
    *,
    python: str | None,
    device: str,
    reporter: Reporter,
    catalog: Catalog | None = None,
    trace: bool = False,
    nursery: Nursery | None = None,
) -> VerifyReport:
    """Run the probes of one tree up to `level`; with `trace` the report says what they read."""
    catalog = catalog or Catalog()
    spec = catalog.probe(target.yolo)
    request = ProbeRequest(
        spec=spec.for_form(target.form),
        config=target.config,
        form=target.form,
        strides=STRIDES[target.head],
        nc=target.classes,
        level=level,
        shown=target.shown,
        trace=trace,
    )
    return run_probe(
        target.folder, request, python=_interpreter(python), device=device, reporter=reporter, nursery=nursery
    )


def _interpreter(python: str | None) -> Path | None:
    """A path as it stands, a bare name as the shell would find it."""
    return Path(shutil.which(python) or python) if python else None
