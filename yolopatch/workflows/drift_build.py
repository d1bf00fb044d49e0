"""Whether the patched model of every commit builds and runs forward, and where not, whether upstream's own does."""

from __future__ import annotations

import datetime
import hashlib
import platform
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from yolopatch.catalog import Catalog, Pin, Upstream
from yolopatch.catalog.paths import payload_root
from yolopatch.console import Reporter
from yolopatch.drift.builds import Build, Results, Tree
from yolopatch.drift.checkout import Checkout
from yolopatch.drift.ledger import Ledger
from yolopatch.drift.walk import Walked, walk
from yolopatch.errors import EnvironmentFailed
from yolopatch.series.trial import Bench, Files
from yolopatch.sources import Cache
from yolopatch.sources.history import History, Step
from yolopatch.sources.models import blob_id
from yolopatch.verify import Nursery
from yolopatch.workflows.any_commit import Fit, nearest
from yolopatch.workflows.contents import read_payload
from yolopatch.workflows.patch_sets import SlotSet
from yolopatch.workflows.plan import Plan, make_plan
from yolopatch.workflows.render import render_form
from yolopatch.workflows.slots import patch_name
from yolopatch.workflows.verify import Target, verify_target

VARIANT = "revcol-a"
LEVEL = "forward"


@dataclass(frozen=True)
class _Work:
    """What is to be built."""

    plan: Plan
    tree: Tree
    own: Mapping[str, bytes]


class Builder:
    """Builds the models of commits, several at a time, each tree once."""

    def __init__(
        self,
        catalog: Catalog,
        upstream: Upstream,
        history: History,
        sets: Sequence[SlotSet],
        steps: Sequence[Step],
        ledger: Ledger,
        cache: Cache,
        reporter: Reporter,
        variant: str,
        level: str,
        trees: Mapping[str, list[tuple[str, str]]] | None = None,
    ) -> None:
        """`trees`: path and blob id of each file by the step's commit, where these are none of the history's."""
        self._catalog, self._upstream, self._history = catalog, upstream, history
        self._sets, self._steps, self._trees = sets, steps, trees
        self._cache, self._reporter = cache, reporter
        self._level = level
        self._variant = variant if variant in catalog.variants else next(iter(catalog.variants))
        self._results = Results(history.builds)
        self._bench = Bench(history.bench)
        self._payload = {f"{upstream.payload}/{name}": data for name, data in read_payload(payload_root()).items()}
        self._versions = (f"python {platform.python_version()}", f"torch {_version('torch')}")
        self._listed: dict[str, dict[str, str]] = {}
        self._owns: dict[str, Mapping[str, bytes]] = {}
        self._walked = [walk(one.all_slots, steps, ledger, merge=False) for one in sets]
        compat = [tuple(slot for slot in one.all_slots if not slot.ours) for one in sets]
        self._stock = [walk(slots, steps, ledger, merge=False) for slots in compat]

    def fetch(self) -> None:
        """Get what the builds need of the history, which is free for others when this is done.

        Raises:
            EnvironmentFailed: the history lacks files.
        """
        wanted: set[str] = set()
        with self._reporter.task("listing files", total=len(self._steps)) as task:
            for at, step in enumerate(self._steps):
                wanted.update(self._files(step).values())
                task.update(completed=at + 1)
        if self._trees is None:
            self._history.fill(wanted)

    def build_all(self, jobs: int) -> tuple[Build, ...]:
        """One result a commit, oldest first; `fetch` goes before it."""
        chosen = [self._choose(at) for at in range(len(self._steps))]
        trees = [
            self._tree(at, number, stock=False) if number is not None else None for at, number in enumerate(chosen)
        ]
        self._run([tree for tree in trees if tree is not None], jobs)
        second = {
            at: self._tree(at, self._nearest(at, stock=True), stock=True)
            for at, tree in enumerate(trees)
            if tree is None or self._results.get(tree.tree)
        }
        self._run([tree for tree in second.values() if tree is not None], jobs)
        return tuple(self._result(at, trees[at], second.get(at), chosen[at]) for at in range(len(self._steps)))

    def _result(self, at: int, tree: _Work | None, stock: _Work | None, chosen: int | None) -> Build:
        left_out = self._left_out(at, chosen) if chosen is not None else ()
        why = "RevCol's patches do not fit" if tree is None else self._results.get(tree.tree) or ""
        if not why:
            return Build("runs", left_out=left_out)
        stock_why = self._results.get(stock.tree) if stock else "upstream has no model YAML for it"
        if stock_why:
            return Build("stock-fails", stock_why, left_out)
        return Build("no-series" if tree is None else "fails", why, left_out)

    def _nearest(self, at: int, *, stock: bool) -> int:
        fits = [self._fit(at, number) for number in range(len(self._sets))]
        best = nearest(fits, datetime.date.fromisoformat(self._steps[at].date), stock=stock)
        return next(number for number, fit in enumerate(fits) if fit is best)

    def _choose(self, at: int) -> int | None:
        number = self._nearest(at, stock=False)
        return None if self._fit(at, number).misfits(ours=True) else number

    def _fit(self, at: int, number: int) -> Fit:
        return Fit(self._sets[number], tuple(row[at] for row in self._walked[number].rows))

    def _left_out(self, at: int, number: int) -> tuple[str, ...]:
        misfits = self._fit(at, number).misfits(ours=False)
        return tuple(patch_name(self._catalog, self._upstream, slot.patch) for slot, _ in misfits)

    def _tree(self, at: int, number: int, *, stock: bool) -> _Work | None:
        step = self._steps[at]
        walked: Walked = (self._stock if stock else self._walked)[number]
        files = dict(self._files(step))
        _overlay(files, walked.before[at], walked.files[at])
        plan = self._plan(self._sets[number].pin_near(datetime.date.fromisoformat(step.date)), stock=stock)
        if plan is None:
            return None
        own = {} if stock else self._own(plan)
        blobs = {path: blob_id(data) for path, data in own.items()}
        return _Work(plan, Tree({**files, **blobs}, self._facts(plan)), own)

    def _facts(self, plan: Plan) -> tuple[str, ...]:
        """What decides beside the tree."""
        spec = self._catalog.probe(self._upstream.yolo).for_form(plan.form.name).model_dump_json()
        asked = (plan.config(plan.form), plan.head, str(plan.classes), self._level, spec)
        return (hashlib.sha256("\n".join(asked).encode()).hexdigest()[:16], *self._versions)

    def _own(self, plan: Plan) -> Mapping[str, bytes]:
        """Payload and model YAML; one for all commits of a pin."""
        if plan.pin.name not in self._owns:
            text = render_form(self._catalog, plan, plan.form).text
            self._owns[plan.pin.name] = {**self._payload, plan.config(plan.form): text.encode()}
        return self._owns[plan.pin.name]

    def _plan(self, pin: Pin, *, stock: bool) -> Plan | None:
        if stock and "p3-p5" in pin.lacks_stock_heads:
            return None
        return make_plan(self._catalog, self._upstream.yolo, "stock" if stock else self._variant, pin=pin.name)

    def _files(self, step: Step) -> Mapping[str, str]:
        if step.commit not in self._listed:
            listing = (
                self._trees[step.commit] if self._trees else self._history.tree(step.commit, self._upstream.sparse)
            )
            # Most are the same from commit to commit: one string each, or a long history fills the memory.
            self._listed[step.commit] = {sys.intern(path): sys.intern(blob) for path, blob in listing}
        return self._listed[step.commit]

    def _run(self, works: Sequence[_Work], jobs: int) -> None:
        open_ones = list({work.tree.key: work for work in works if self._results.get(work.tree) is None}.values())
        if not open_ones:
            return
        done, lock, stop = 0, threading.Lock(), threading.Event()
        with (
            self._cache.scratch() as scratch,
            self._reporter.task(f"building {len(open_ones)} models", total=len(open_ones)) as task,
            ThreadPoolExecutor(jobs) as pool,
        ):

            def share(number: int) -> None:
                nonlocal done
                checkout = Checkout(scratch / f"tree-{number}", lambda blobs: dict(self._bench.read(blobs)))
                # Neighbours in one share: most differ in nothing that a build reads.
                mine = open_ones[number * len(open_ones) // jobs : (number + 1) * len(open_ones) // jobs]
                with Nursery() as nursery:
                    for work in mine:
                        if stop.is_set():
                            return
                        if self._results.get(work.tree) is None:
                            checkout.show(work.tree.files, work.own)
                            self._verify(checkout.folder, work, nursery)
                        with lock:
                            done += 1
                            task.update(completed=done)

            try:
                for future in [pool.submit(share, number) for number in range(jobs)]:
                    future.result()
            except BaseException:
                stop.set()
                raise

    def _verify(self, folder: Path, work: _Work, nursery: Nursery) -> None:
        """Find out, and remember, why it does not run."""
        plan = work.plan
        config = plan.config(plan.form)
        target = Target(folder, str(folder), self._upstream.yolo, config, plan.form.name, plan.head, plan.classes)
        try:
            report = verify_target(
                target,
                self._level,
                python=None,
                device="cpu",
                reporter=Reporter(quiet=True),
                catalog=self._catalog,
                trace=True,
                nursery=nursery,
            )
        except EnvironmentFailed as error:
            self._results.put_for_now(work.tree, str(error).partition(";")[0])
            return
        failed = report.failed
        why = f"{failed.name}: {failed.failure.message}" if failed and failed.failure else ""
        self._results.put(work.tree, why, report.reads)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "none"


def _overlay(files: dict[str, str], before: Files, after: Files) -> None:
    """Put what patches made of files in place of these."""
    for path, _, _ in before:
        files.pop(path, None)
    files.update({path: blob for path, _, blob in after})
