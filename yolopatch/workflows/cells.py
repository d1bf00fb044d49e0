"""From names that a user typed to the cells of a validation, before anything starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from yolopatch.catalog import HEADS, STOCK, Catalog, Form, Pin, Upstream
from yolopatch.catalog.names import unknown
from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.sources import Cache
from yolopatch.validation.model import Cell
from yolopatch.workflows.any_commit import fit_commit
from yolopatch.workflows.stock import is_stock, stock_forms, stock_size, stock_variants

DEFAULT_VARIANTS = (STOCK, "revcol-a")
DEFAULT, ALL = "default", "all"


@dataclass(frozen=True)
class Wanted:
    """The names that a user typed. Empty `heads`: all of them; empty `yolos`: all that are not experimental."""

    yolos: tuple[str, ...] = ()
    pins: tuple[str, ...] = (DEFAULT,)
    """`default`, `all`, names of pins, or revisions of upstream's: a commit, a branch, a tag, HEAD."""
    variants: tuple[str, ...] = DEFAULT_VARIANTS
    heads: tuple[str, ...] = ()
    forms: str = DEFAULT
    origin: str = "auto"
    remote: str | None = None


@dataclass(frozen=True)
class _Version:
    """A pin, or what stands for one."""

    name: str
    pin: Pin
    commit: str | None = None

    def lacks(self, origin: str) -> str:
        """Why this version cannot be had from `origin`; empty where it can."""
        if self.commit is not None or origin == "auto":
            return ""
        there = self.pin.origins.git if origin == "git" else self.pin.origins.pypi is not None
        return "" if there else f"pin {self.name} has no origin {origin}"


def cells(catalog: Catalog, wanted: Wanted, reporter: Reporter) -> list[tuple[Cell, str]]:
    """The cells in order, each with the reason to skip it, empty as a rule.

    A pin, a variant or a head counts for those YOLOs that have it. What upstream has no stock model
    for is no cell.

    Raises:
        RequestError: a name is none of any of the YOLOs, or nothing is left to validate.
        EnvironmentFailed: a revision is to be looked up, and no git host answers.
    """
    upstreams = [catalog.upstream(name) for name in dict.fromkeys(wanted.yolos or catalog.supported)]
    if not upstreams:
        raise RequestError("every YOLO is experimental; name those to validate with --yolo")
    if wanted.remote is not None and len(upstreams) > 1:
        raise RequestError("--remote is one repository; name the YOLO that it is of with one --yolo")
    heads = tuple(catalog.head(name) for name in dict.fromkeys(wanted.heads or HEADS))
    variants = tuple(dict.fromkeys(wanted.variants))
    for name in variants:
        check_variant(catalog, upstreams, name)
    revisions = _revisions(catalog, upstreams, wanted)
    found = []
    for upstream in upstreams:
        for version in _versions(catalog, upstream, wanted, revisions, reporter):
            why = version.lacks(wanted.origin)
            for variant in variants:
                for head in heads:
                    for form in _forms(upstream, version.pin, variant, head, wanted.forms):
                        cell = Cell(upstream.yolo, version.name, variant, head, form.name, version.commit)
                        found.append((cell, why))
    if not found:
        raise RequestError("no YOLO has a stock model for that; yolopatch list shows what there is")
    if all(why for _, why in found):
        raise RequestError(f"there is nothing to validate: {found[0][1]}; name another --origin or other --pins")
    return found


def check_variant(catalog: Catalog, upstreams: Sequence[Upstream], name: str) -> None:
    """Raise `RequestError` where none of the YOLOs has a variant of that name."""
    if not is_stock(name):
        catalog.variant(name)
        return
    known = dict.fromkeys(variant for upstream in upstreams for variant in stock_variants(upstream))
    if name not in known:
        raise unknown("variant", name, (*known, *catalog.variants))


def _revisions(catalog: Catalog, upstreams: Sequence[Upstream], wanted: Wanted) -> list[str]:
    """Those of the names that are no pin of any of the YOLOs: upstream is asked for them."""
    names = [name for name in dict.fromkeys(wanted.pins) if name not in (DEFAULT, ALL)]
    strange = [name for name in names if not any(catalog.has_pin(upstream, name) for upstream in upstreams)]
    if strange and wanted.origin == "pypi":
        known = [pin.name for upstream in upstreams for pin in upstream.pins]
        raise RequestError(f"{unknown('pin', strange[0], known)} Other commits come from git only")
    return strange


def _versions(
    catalog: Catalog, upstream: Upstream, wanted: Wanted, revisions: Sequence[str], reporter: Reporter
) -> list[_Version]:
    pins: dict[str, Pin] = {}
    for name in wanted.pins:
        if name == ALL:
            pins.update({pin.name: pin for pin in upstream.pins})
        elif name == DEFAULT or catalog.has_pin(upstream, name):
            pin = catalog.pin(upstream, None if name == DEFAULT else name)
            pins[pin.name] = pin
    found = [_Version(name, pin) for name, pin in pins.items()]
    return [*found, *(_looked_up(catalog, upstream, name, wanted.remote, reporter) for name in revisions)]


def _looked_up(catalog: Catalog, upstream: Upstream, revision: str, remote: str | None, reporter: Reporter) -> _Version:
    """The commit of today, by its id: a branch may move while its cells run.

    As `stock`: where RevCol's patches do not fit, that is the result of a cell, and no wrong request.
    """
    fitted = fit_commit(
        catalog,
        upstream,
        revision,
        stock=True,
        remote=remote,
        offline=False,
        cache=Cache.default(),
        reporter=reporter,
    )
    commit = fitted.pin.commit
    reporter.note(
        f"{upstream.title} {revision} is {(commit or '')[:12]} ({fitted.pin.date}), patched like {fitted.like}"
    )
    for name, why in fitted.left_out:
        reporter.warn(f"{upstream.title} {revision}: left out, since it does not apply: {name} ({why})")
    return _Version(revision, fitted.pin, commit)


def _forms(upstream: Upstream, pin: Pin, variant: str, head: str, which: str) -> tuple[Form, ...]:
    forms = upstream.forms
    if is_stock(variant):
        try:
            forms = stock_forms(upstream, pin, stock_size(variant), head)
        except RequestError:  # upstream has no such model
            return ()
    if which == ALL:
        return forms
    return tuple(form for form in forms if form.default)[:1] or forms[:1]
