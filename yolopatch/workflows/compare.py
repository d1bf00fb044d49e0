"""The way of one `compare`: workspaces, made where they are missing, measured in turns; and kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yolopatch import __version__
from yolopatch.catalog import STRIDES, Catalog
from yolopatch.compare import store
from yolopatch.compare.comparison import Comparison, check_entries
from yolopatch.compare.kept import Tape
from yolopatch.compare.model import Document, Entry, How, Machine
from yolopatch.compare.schedule import Asked, Schedule, Subject
from yolopatch.console import Reporter, Task
from yolopatch.errors import CheckFailed, EnvironmentFailed, RequestError
from yolopatch.verify.measure import Measurer, MeasureRequest
from yolopatch.workflows import compare_kept
from yolopatch.workflows.compare_runs import check_names, results_of
from yolopatch.workflows.compare_trees import Names, workspaces_of
from yolopatch.workflows.plan import DEFAULT_CLASSES
from yolopatch.workflows.stage import find_interpreter
from yolopatch.workflows.status import inspect, refuse_reverted
from yolopatch.workspace.lock import Lock, read_lock

LAST = "last"
"""The name of the newest measurements, in the cache."""
_EACH = 1_200_000_000  # bytes that a waiting process may take
_LEAST = 2


@dataclass(frozen=True)
class CompareRequest:
    """What the user asked for: workspaces, names, or files of measurements."""

    workspaces: tuple[Path, ...] = ()
    names: Names | None = None
    files: tuple[str, ...] = ()
    how: How = field(default_factory=How)
    baseline: str | None = None
    runs: tuple[str, ...] = ()
    results: bool = True
    """Whether to take the results of finished runs."""
    python: str | None = None
    fresh: bool = False
    """Take no rounds of an interrupted comparison."""


def compare(request: CompareRequest, reporter: Reporter) -> Comparison:
    """Measure, or read measurements, and put them together.

    Raises:
        RequestError: a workspace, a name, a file, a run or the baseline is wrong, or they do not fit together.
        CheckFailed: nothing could be measured.
        EnvironmentFailed: no source answers, or a package or device is missing.
        YolopatchError: it was interrupted, and what was measured is kept (exit code 130).
    """
    documents = [store.load(_file(name)) for name in request.files]
    if request.workspaces or request.names is not None:
        documents.append(_measured(request, reporter))
    if not documents:
        raise RequestError(
            "name workspaces, or what to make with --yolo and --variant, or files of measurements with --from"
        )
    return Comparison(documents, request.baseline)


def _file(name: str) -> Path:
    return _last() if name == LAST else Path(name)


def _last() -> Path:
    return compare_kept.folder() / f"{LAST}.json"


def _keep(document: Document, reporter: Reporter) -> None:
    """So that a report can be made again without measuring; not worth failing for."""
    try:
        _last().parent.mkdir(parents=True, exist_ok=True)
        store.write(_last(), store.text(document))
    except (OSError, EnvironmentFailed) as error:
        reporter.warn(f"the measurements are not kept for --from {LAST} ({error}); --save keeps them elsewhere")


def _measured(request: CompareRequest, reporter: Reporter) -> Document:
    catalog = Catalog()
    python = Path(find_interpreter(request.python))
    # Workspaces that are there are checked before anything is made.
    models = [_Model.of(path, catalog) for path in request.workspaces]
    left_out: tuple[str, ...] = ()
    if request.names is not None:
        _refuse_other_classes(models, request.names)
        paths, left_out = workspaces_of(request.names, catalog, reporter)
        models += [_Model.of(path, catalog) for path in paths]
    _name_apart(models)
    entries = [model.entry for model in models]
    if request.results:
        check_names([model.folder for model in models], request.runs)
        entries = [
            entry.model_copy(update={"runs": results_of(model.folder, entry.form, request.runs, reporter)})
            for entry, model in zip(entries, models, strict=True)
        ]
    check_entries(entries)
    _check_baseline(request.baseline, entries)
    key = compare_kept.key_of(request.how, python, [model.facts(catalog) for model in models])
    with compare_kept.tape(key, request.how, len(models), request.fresh, reporter) as tape:
        entries, machine, groups = _measure(request.how, models, entries, python, tape, reporter)
        document = Document(
            yolopatch=__version__,
            made=tape.made,
            seconds=round(tape.seconds, 1),
            machine=machine,
            load=tuple(tape.kept.loads),
            sittings=tuple(tape.kept.sittings),
            how=request.how.model_copy(update={"groups": groups}),
            entries=tuple(entries),
            left_out=left_out,
        )
        _keep(document, reporter)
    return document


def _refuse_other_classes(models: Sequence[_Model], names: Names) -> None:
    """Before anything is made: what is made has one number of classes, and models of others cannot stand beside it."""
    made = DEFAULT_CLASSES if names.classes is None else names.classes
    for model in models:
        have = model.entry.classes
        if have != made:
            raise RequestError(
                f"{model.entry.name} has {have} classes and what --yolo makes has {made}; add --nc {have}"
            )


def _check_baseline(wanted: str | None, entries: Sequence[Entry]) -> None:
    """A typo should not cost the measuring."""
    names = [entry.name for entry in entries]
    if wanted is not None and wanted not in names:
        raise RequestError(f"--baseline '{wanted}' is none of the models; they are {', '.join(map(repr, names))}")


@dataclass
class _Model:
    """A workspace that is to be measured."""

    folder: Path
    lock: Lock
    entry: Entry
    request: MeasureRequest | None = None

    @classmethod
    def of(cls, folder: Path, catalog: Catalog) -> _Model:
        refuse_reverted(folder)
        lock = read_lock(folder)
        upstream = catalog.upstream(lock.inputs.yolo)
        default = upstream.default_form.name
        form = default if default in lock.configs else next(iter(lock.configs))
        inputs = lock.inputs
        further = "".join(f" {key}={value}" for key, value in sorted(inputs.options.items()))
        entry = Entry(
            name=f"{inputs.yolo} {inputs.variant} {inputs.head}{further}",
            yolo=inputs.yolo,
            title=upstream.title,
            pin=inputs.pin,
            variant=inputs.variant,
            head=inputs.head,
            form=form,
            classes=inputs.classes,
            commit=lock.commit,
            edited=not inspect(folder).clean if (folder / ".git").exists() else None,
        )
        return cls(folder.absolute(), lock, entry)

    def facts(self, catalog: Catalog) -> dict[str, Any]:
        """All that decides what is measured of it, for JSON."""
        entry = self.entry
        spec = catalog.probe(entry.yolo).for_form(entry.form).model_dump(mode="json", by_alias=True)
        return {"name": entry.name, "form": entry.form, "spec": spec, "state": compare_kept.state_of(self.folder)}

    def measurer(self, catalog: Catalog, how: How, python: Path, **options: Any) -> Measurer:
        request = MeasureRequest(
            workspace=self.folder,
            spec=catalog.probe(self.entry.yolo).for_form(self.entry.form),
            config=self.lock.configs[self.entry.form],
            strides=STRIDES[self.entry.head],
            nc=self.entry.classes,
            python=python,
            device=how.device,
        )
        return Measurer(request, **options)


def _name_apart(models: list[_Model]) -> None:
    """Models of the same names get their folder's name, and a number where that is the same too.

    Raises:
        RequestError: a workspace is named twice.
    """
    folders = [model.folder.resolve() for model in models]
    for folder in folders:
        if folders.count(folder) > 1:
            raise RequestError(f"{folder} is named twice; name every workspace once")
    names = [model.entry.name for model in models]
    taken: dict[str, int] = {}
    for model, name in zip(models, names, strict=True):
        if names.count(name) < 2:
            continue
        name = f"{name} ({model.folder.name})"
        taken[name] = taken.get(name, 0) + 1
        name += f" {taken[name]}" if taken[name] > 1 else ""
        model.entry = model.entry.model_copy(update={"name": name})


def _measure(
    how: How, models: list[_Model], entries: list[Entry], python: Path, tape: Tape, reporter: Reporter
) -> tuple[list[Entry], Machine | None, int]:
    catalog = Catalog()
    many = compare_kept.at_once(tape, len(models), _at_once(len(models)))
    groups = [range(start, min(start + many, len(models))) for start in range(0, len(models), many)]
    if len(groups) > 1:
        reporter.note(f"memory holds about {many} models at once: {len(groups)} groups are measured one after another")
    found, machine = list(entries), None
    with reporter.task(f"measure {len(models)} models", total=float(len(groups))) as task:
        for number, group in enumerate(groups):
            schedule = Schedule(how, _teller(task, reporter, number, len(groups)), tape, number)
            with ExitStack() as stack:
                subjects = [_subject(models[place], entries[place], catalog, how, python, stack) for place in group]
                schedule.run(subjects)
            for place, subject in zip(group, subjects, strict=True):
                machine = machine or subject.machine
                found[place] = _entry(entries[place], subject)
    if all("static" in entry.failed for entry in found):
        raise CheckFailed(f"no model could be measured: {found[0].name}: {found[0].failed['static']}")
    return found, machine, len(groups)


def _entry(entry: Entry, subject: Subject) -> Entry:
    document = {**entry.model_dump(), **subject.found, "failed": subject.failed}
    return Entry.model_validate(document)


def _teller(task: Task, reporter: Reporter, number: int, groups: int) -> Any:
    def say(text: str, done: int, total: int) -> None:
        reporter.detail(f"{done + 1} of {total}: {text}")
        task.update(completed=number + done / max(total, 1), total=float(groups), text=text)

    return say


def _subject(model: _Model, entry: Entry, catalog: Catalog, how: How, python: Path, stack: ExitStack) -> Subject:
    def fresh(columns: int | None) -> Asked:
        return stack.enter_context(model.measurer(catalog, how, python, fresh=True, columns=columns))

    return Subject(entry.name, stack.enter_context(model.measurer(catalog, how, python)), fresh)


def _at_once(count: int) -> int:
    """How many models' processes the free memory holds, all of them where that is not known."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, ValueError, StopIteration, AttributeError):
        return max(count, 1)
    return max(_LEAST, min(count, free // _EACH))
