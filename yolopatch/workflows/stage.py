"""A workspace opened to run upstream's programs in it."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from yolopatch.catalog import Catalog, Form, Pin, Upstream
from yolopatch.catalog.names import unknown
from yolopatch.console import Reporter
from yolopatch.datasets import Dataset, check_dataset, load_dataset
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.paths import shown
from yolopatch.runs import folder
from yolopatch.runs.command import command_line, controlled
from yolopatch.runs.environ import environment
from yolopatch.runs.folder import RunFolder
from yolopatch.runs.looking import ModelSource, Sight, look
from yolopatch.runs.spec import Interface, Program
from yolopatch.workflows.status import refuse_reverted
from yolopatch.workflows.stock import is_stock, recipe_of
from yolopatch.workspace.lock import Lock, read_lock

_CACHE = ".cache"


@dataclass(frozen=True)
class Stage:
    """What is needed to run upstream's programs."""

    shown: str
    """What the user calls the workspace."""
    workspace: Path
    lock: Lock
    upstream: Upstream
    pin: Pin
    form: Form
    interface: Interface
    python: str

    @property
    def config(self) -> str:
        """The form's model YAML, relative to the workspace."""
        return self.lock.configs[self.form.name]

    @property
    def recipe(self) -> tuple[str, ...]:
        """Learning settings that train this form well."""
        return recipe_of(self.form, self.lock.inputs.variant)

    def variables(self, *, single: bool = True) -> dict[str, str]:
        """The environment of upstream's programs."""
        return environment(self.workspace / folder.RUNS / _CACHE, self.python, single=single)

    def with_form(self, form: str) -> Stage:
        """The same workspace for another form.

        Raises:
            RequestError: it has no such form.
        """
        return replace(self, form=_form(self.lock, self.upstream, form))

    def trained(self, run: str | None, weights: Path | None, form: str | None) -> tuple[Stage, Path, RunFolder | None]:
        """The weights that are asked for (see `weights_of`), and the stage for their form where none is asked for.

        Raises:
            RequestError: there are no such weights, or their form is not one of the workspace.
        """
        file, found = weights_of(self, run, weights)
        if form is not None or found is None:
            return self, file, found
        return self.with_form(form_of(found)), file, found

    def require(self, program: Program, script: tuple[str, ...]) -> None:
        """Raise `RequestError` where the workspace has lost the program, before anything is made for it."""
        command_line(program, self.workspace, self.python, {}, script=script)

    def require_config(self) -> None:
        """Raise `RequestError` where the workspace has lost its model YAML. (A stock one may be upstream's to find.)"""
        if not is_stock(self.lock.inputs.variant) and not (self.workspace / self.config).is_file():
            raise RequestError(
                f"{self.shown} has no {self.config} any more; "
                f"git -C {shlex.quote(self.shown)} checkout -- {shlex.quote(self.config)} brings it back"
            )

    def command(self, *words: str) -> str:
        """A command of ours on this workspace, for messages."""
        verb, *rest = words
        return " ".join(["yolopatch", verb, shlex.quote(self.shown), *rest])


def open_stage(workspace: Path, form: str | None, python: str | None) -> Stage:
    """Open `workspace` for its default form or the one called `form`.

    Raises:
        RequestError: it is no workspace or a reverted one, has no such form, or its YOLO offers no training.
    """
    refuse_reverted(workspace)
    lock = read_lock(workspace)
    catalog = Catalog()
    upstream = catalog.upstream(lock.inputs.yolo)
    if upstream.interface is None:
        raise RequestError(f"{upstream.title} has no 'interface:' in its upstream.yaml; use upstream's own commands")
    default = upstream.default_form.name
    name = form or (default if default in lock.configs else next(iter(lock.configs)))
    return Stage(
        shown=str(workspace),
        workspace=workspace.absolute(),
        lock=lock,
        upstream=upstream,
        pin=catalog.pin_like(upstream, lock.inputs.pin, lock.inputs.like),
        form=_form(lock, upstream, name),
        interface=upstream.interface,
        python=find_interpreter(python),
    )


def _form(lock: Lock, upstream: Upstream, name: str) -> Form:
    if name not in lock.configs:
        raise unknown("form", name, lock.configs)
    return next(form for form in upstream.forms if form.name == name)


def find_interpreter(python: str | None) -> str:
    """This interpreter, or `python` as the shell finds it; absolute, and not resolved: it may be a venv's link.

    Raises:
        RequestError: there is none.
    """
    if python is None:
        return sys.executable
    found = shutil.which(python) or python
    if not Path(found).is_file():
        raise RequestError(f"no interpreter at {python}; give --python the path of a python executable")
    return str(Path(found).absolute())


def refuse_controlled(program: Program, further: Iterable[str], ours: dict[str, str]) -> None:
    """Raise `RequestError` where upstream's own arguments name what an option of ours sets; `ours` says which."""
    taken = {
        name: option
        for option, spoken in ours.items()
        for name in controlled(program, option)  # type: ignore[arg-type]
    }
    for word in further:
        found = _taken(word, taken)
        if found is not None:
            raise RequestError(f"'{word}' after -- is what yolopatch sets itself; use {ours[taken[found]]} instead")


def _taken(word: str, taken: Iterable[str]) -> str | None:
    """Which of the names in `taken` an argument gives.

    argparse completes names (`--epo=3`), and Ultralytics passes over dashes (`--epochs=3`).
    """
    name, pair, _ = word.partition("=")
    if not name.startswith("--") and not pair:
        return None  # a value
    for known in taken:
        if known.endswith("="):
            if pair and name.lstrip("-") == known[:-1]:
                return known
        elif len(name) > len("--") and known.startswith(name):
            return known
    return None


def checked_data(data: Path, *, check: bool, reporter: Reporter) -> Dataset:
    """The data set, after `yolopatch data check`'s checks.

    Raises:
        RequestError: it cannot be read, or does not pass.
    """
    dataset = load_dataset(data)
    if not check:
        return dataset
    with reporter.task(f"check {shown(data)}"):
        problems = check_dataset(data).problems
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise RequestError(
            f"{shown(data)}: {problems[0]}{more}; yolopatch data check {shlex.quote(shown(data))} shows all, "
            "--no-check takes it as it is"
        )
    return dataset


def sight(
    stage: Stage,
    device: str | None,
    *,
    reporter: Reporter,
    weights: Path | None = None,
    model: ModelSource | None = None,
    modules: tuple[str, ...] = (),
) -> tuple[Sight, str]:
    """What the interpreter has, and the device to use: `device`, or the first GPU, or the CPU.

    Raises:
        RequestError: the weights cannot be used.
        EnvironmentFailed: a package or the device is missing.
    """
    if weights is not None:
        require_file(weights)
    with reporter.task(f"look at {stage.python}"):
        seen = look(stage.python, stage.workspace, stage.variables(), modules=modules, weights=weights, model=model)
    chosen = _plain(device) if device else ("0" if seen.gpus else "cpu")
    _check_device(stage, chosen, seen)
    if seen.weights is not None:
        _check_weights(stage, weights, seen.weights)
    return seen, chosen


def require_file(weights: Path) -> None:
    """Raise `RequestError` where there is no file of weights."""
    if not weights.is_file():
        raise RequestError(f"{weights}: no such file; name a checkpoint, the weights/best.pt of a run")


def _plain(device: str) -> str:
    """A GPU by its number, which is what all of them take."""
    return "0" if device == "cuda" else device.removeprefix("cuda:")


def _check_device(stage: Stage, device: str, seen: Sight) -> None:
    numbers = device.split(",")
    if device == "cpu" or (device == "mps" and seen.mps):
        return
    if device == "mps":
        raise EnvironmentFailed(f"--device mps: torch of {stage.python} has no MPS here; use --device cpu")
    if not all(number.isdecimal() for number in numbers):
        raise RequestError(f"no device '{device}'; use cpu, mps, a GPU's number (0), or several (0,1)")
    if not seen.gpus:
        raise EnvironmentFailed(
            f"--device {device}: torch {seen.versions['torch']} of {stage.python} sees no GPU; use --device cpu, "
            "or install a torch built for CUDA"
        )
    if max(int(number) for number in numbers) >= len(seen.gpus):
        raise EnvironmentFailed(f"--device {device}: there are {len(seen.gpus)} GPUs, numbered from 0")


def _check_weights(stage: Stage, weights: Path | None, found: dict[str, object]) -> None:
    if found["problem"]:
        raise RequestError(
            f"{weights} is no checkpoint of {stage.shown} ({found['problem']}); "
            "name weights that this YOLO and variant has trained"
        )


def weights_of(stage: Stage, run: str | None, weights: Path | None) -> tuple[Path, RunFolder | None]:
    """The weights that are asked for: a file, those of a run, or those of the newest run that has any.

    Raises:
        RequestError: both are named, or there are none.
    """
    if run is not None and weights is not None:
        raise RequestError("name either --run or --weights")
    if weights is not None:
        return weights.absolute(), None
    if run is not None:
        chosen = folder.find(stage.workspace, run)
        file = best_weights(stage.interface, chosen)
        if file is not None:
            return file, chosen
        if chosen.read().get("status") == "finished":
            raise RequestError(f"the weights of run '{run}' are gone; train again, or name another --run or --weights")
        raise RequestError(f"run '{run}' has no weights yet; go on with {stage.command('train', '--resume', run)}")
    for one in reversed(folder.all_runs(stage.workspace)):
        file = best_weights(stage.interface, one)
        if file is not None:
            return file, one
    raise RequestError(f"{stage.shown} has no trained weights; train first, or name --weights")


def trained_or_none(
    stage: Stage, run: str | None, weights: Path | None, form: str | None
) -> tuple[Stage, Path | None, RunFolder | None]:
    """As `Stage.trained`, but nothing where nothing is asked for and no run has weights.

    Raises:
        RequestError: there are no such weights, or their form is not one of the workspace.
    """
    asked = run is not None or weights is not None
    if not asked and not any(best_weights(stage.interface, one) for one in folder.all_runs(stage.workspace)):
        return stage, None, None
    return stage.trained(run, weights, form)


def best_weights(interface: Interface, run: RunFolder) -> Path | None:
    """A run's best weights, or its last where upstream has not chosen a best."""
    places = (run.upstream / interface.weights.best, run.upstream / interface.weights.last)
    return next((place for place in places if place.is_file()), None)


def form_of(run: RunFolder) -> str:
    """The form that `run` trained."""
    return str(run.read()["arguments"]["form"])


def size_of(run: RunFolder | None, imgsz: int | None) -> int:
    """The image size that is asked for, or the one that `run` trained at, or 640."""
    if imgsz is not None:
        if imgsz < 32:
            raise RequestError(f"--imgsz is {imgsz}; it must be 32 or more")
        return imgsz
    return int(run.read()["arguments"]["imgsz"]) if run else 640
