"""The way of one `apply`: from names to a patched, verified checkout."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolopatch import __version__
from yolopatch.catalog import Catalog
from yolopatch.console import Reporter
from yolopatch.errors import CheckFailed, RequestError
from yolopatch.series import repository
from yolopatch.series.apply import apply_patches
from yolopatch.sources import Cache, Tree
from yolopatch.verify import VerifyReport
from yolopatch.workflows import destination as destinations
from yolopatch.workflows.any_commit import Fitted, fit_commit
from yolopatch.workflows.contents import Contents, gather
from yolopatch.workflows.own_patches import apply_own
from yolopatch.workflows.plan import Plan, default_destination, make_plan
from yolopatch.workflows.source import describe, locked_source, obtain_tree
from yolopatch.workflows.stock import is_stock
from yolopatch.workflows.verify import Target, verify_target
from yolopatch.workspace.lock import FORMAT, LOCK_NAME, Inputs, Lock, Source
from yolopatch.workspace.transaction import building, recover

# All our commits but the base carry this date (the base carries the pin's), so that ids do not depend on the day.
COMMIT_DATE = "2026-01-01"


@dataclass(frozen=True)
class Request:
    """What the user asked for."""

    yolo: str
    variant: str
    pin: str | None = None
    head: str = "p3-p5"
    classes: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of RevCol's row, beside the variant's own."""
    origin: str = "auto"
    remote: str | None = None
    dest: Path | None = None
    verify: str | None = None
    """A level, `none`, or None for the default."""
    python: str | None = None
    device: str = "cpu"
    offline: bool = False
    force: bool = False
    patches: tuple[Path, ...] = ()
    """Folders with series of the user's."""


@dataclass(frozen=True)
class Applied:
    """What came of it."""

    destination: Path
    lock: Lock
    plan: Plan
    fresh: bool
    """False where the workspace was there already, with the same inputs."""
    report: VerifyReport | None
    seconds: float


DEFAULT_LEVEL = "forward"


def apply(request: Request, reporter: Reporter, catalog: Catalog | None = None) -> Applied:
    """Make the workspace, or say that it is there already.

    Raises:
        RequestError: a name is unknown, a folder of patches is wrong, or the destination is taken.
        CheckFailed: a patch does not apply, or the patched model fails its verification.
        EnvironmentFailed: no source answers, the disk is full, a package is missing.
    """
    started = time.monotonic()
    catalog = catalog or Catalog()
    cache = Cache.default()
    plan = make_plan(
        catalog,
        request.yolo,
        request.variant,
        pin=_pin(request, catalog, cache, reporter),
        head=request.head,
        classes=request.classes,
        options=request.options,
    )
    if plan.upstream.experimental:
        reporter.note(f"{plan.upstream.title} is experimental; checked: {plan.upstream.checked}")
    destination = (request.dest or default_destination(plan)).expanduser().absolute()
    destinations.refuse_inside_cache(destination, cache)
    # Before anything is fetched: a wrong destination or a wrong patch should not cost a download.
    destinations.check(destination, force=request.force)
    name = repository.lock_name(destination)
    with cache.locked(name, lambda: reporter.note(f"waiting for another yolopatch at {destination}")):
        recover(destination)
        lock, fresh, report = _make(request, plan, catalog, cache, destination, reporter)
    return Applied(destination, lock, plan, fresh, report, time.monotonic() - started)


def _pin(request: Request, catalog: Catalog, cache: Cache, reporter: Reporter) -> str | Fitted | None:
    """A pin of the catalog by its name, or one made for the commit of upstream's that is called so."""
    upstream = catalog.upstream(request.yolo)
    if request.pin is None or catalog.has_pin(upstream, request.pin):
        return request.pin
    if request.origin == "pypi":
        raise RequestError(f"{request.pin} is no pin of {upstream.title}, and other commits come from git only")
    fitted = fit_commit(
        catalog,
        upstream,
        request.pin,
        stock=is_stock(request.variant),
        remote=request.remote,
        offline=request.offline,
        cache=cache,
        reporter=reporter,
    )
    reporter.note(
        f"{fitted.pin.name} ({fitted.pin.date}) is none of the verified pins of {upstream.title}; "
        f"it gets the patches of {fitted.like}" + (f", with {', '.join(fitted.stand_ins)}" if fitted.stand_ins else "")
    )
    for name, why in fitted.left_out:
        reporter.warn(f"left out, since it does not apply: {name} ({why})")
    return fitted


def _make(
    request: Request, plan: Plan, catalog: Catalog, cache: Cache, destination: Path, reporter: Reporter
) -> tuple[Lock, bool, VerifyReport | None]:
    present = destinations.check(destination, force=request.force)
    if present is not None:
        # The tree that is there tells its origin, so nothing needs to be fetched to compare.
        source = present.inputs.source
        wanted = _inputs(plan, source, gather(catalog, plan, source.origin, request.patches))
        same_origin = request.origin in ("auto", source.origin)
        if same_origin and destinations.up_to_date(destination, present, wanted):
            return present, False, _verify(request, plan, present, destination, reporter, asked_only=True)
        if not request.force:
            raise destinations.other(destination, present, wanted, request.origin)
    # A wrong patch or template should not cost a download.
    likely = "git" if request.origin != "pypi" and plan.pin.origins.git else "pypi"
    contents = gather(catalog, plan, likely, request.patches)
    tree = obtain_tree(
        plan, catalog, cache, reporter, origin=request.origin, remote=request.remote, offline=request.offline
    )
    describe(tree, reporter)
    if tree.provenance.kind != likely:
        contents = gather(catalog, plan, tree.provenance.kind, request.patches)
    inputs = _inputs(plan, locked_source(plan, tree), contents)
    keep = destinations.untracked(destination)
    with building(destination, keep) as folder:
        with reporter.task("patching"):
            lock = _fill(folder, plan, tree, contents, inputs)
        report = _verify(request, plan, lock, folder, reporter, shown=destination)
    return lock, True, report


def _inputs(plan: Plan, source: Source, contents: Contents) -> Inputs:
    return Inputs(
        yolopatch=__version__,
        yolo=plan.upstream.yolo,
        pin=plan.pin.name,
        like=plan.fitted.like if plan.fitted else None,
        source=source,
        variant=plan.variant_name,
        head=plan.head,
        classes=plan.classes,
        options=dict(plan.options),
        patches=contents.locked_patches,
        templates=contents.locked_templates,
        payload_sha256=contents.payload_sha256,
        own_patches=contents.locked_own,
    )


def _fill(folder: Path, plan: Plan, tree: Tree, contents: Contents, inputs: Inputs) -> Lock:
    repository.create(folder)
    tree.copy_to(folder)
    base = repository.commit_all(folder, _base_message(plan, tree), plan.pin.date.isoformat())
    apply_patches(folder, contents.patches)
    if contents.payload:
        place = folder / plan.upstream.payload
        _write(place, contents.payload)
        message = f"Add the RevCol payload of yolopatch {__version__}"
        repository.commit_all(folder, message, COMMIT_DATE, (plan.upstream.payload,))
    if contents.models:
        _write(folder, {model.path: model.text.encode() for model in contents.models})
        message = f"Add the model YAML of {plan.variant_name}, head {plan.head}, {plan.classes} classes"
        repository.commit_all(folder, message, COMMIT_DATE, tuple(model.path for model in contents.models))
    apply_own(folder, contents.own)
    lock = Lock(
        format=FORMAT,
        inputs=inputs,
        base=base,
        commit=repository.head(folder),
        tree=repository.tree(folder),
        configs={form.name: plan.config(form) for form in plan.forms},
    )
    (folder / LOCK_NAME).write_text(lock.to_text(), encoding="utf-8")
    return lock


def _base_message(plan: Plan, tree: Tree) -> str:
    where = tree.provenance
    what = where.commit if where.kind == "git" else f"{where.file} (sha256 {where.sha256})"
    return f"{plan.upstream.title} {plan.pin.name}\n\n{plan.upstream.repository}\n{where.kind}: {what}"


def _write(root: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)


def _verify(
    request: Request,
    plan: Plan,
    lock: Lock,
    folder: Path,
    reporter: Reporter,
    *,
    shown: Path | None = None,
    asked_only: bool = False,
) -> VerifyReport | None:
    level = request.verify or ("none" if asked_only else DEFAULT_LEVEL)
    if level == "none":
        return None
    form = plan.form
    target = Target(
        folder=folder,
        shown=str(shown or folder),
        yolo=plan.upstream.yolo,
        config=lock.configs[form.name],
        form=form.name,
        head=plan.head,
        classes=plan.classes,
    )
    report = verify_target(target, level, python=request.python, device=request.device, reporter=reporter)
    if not report.ok:
        raise _not_verified(report, shown)
    return report


def _not_verified(report: VerifyReport, destination: Path | None) -> CheckFailed:
    failed = report.failed
    assert failed is not None
    assert failed.failure is not None
    kept = "nothing was written; --verify none makes it anyway, for a closer look" if destination else ""
    detail = "\n".join([*failed.failure.lines(), kept]).rstrip()
    return CheckFailed(f"verification failed at level {failed.name}: {failed.failure.message}", detail=detail)
