"""What a user types next: our training command, and upstream's own commands, complete."""

from __future__ import annotations

import ast
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Catalog, Form
from yolopatch.runs.command import overridden
from yolopatch.workflows.plan import Plan, make_plan
from yolopatch.workspace.lock import read_lock


@dataclass(frozen=True)
class Steps:
    """The commands of one form. `yolopatch` is typed anywhere, upstream's own in the workspace."""

    form: str
    yolopatch: str | None
    """Our training command; None where this YOLO's catalog entry does not say how to call it."""
    train: str
    val: str
    detect: str
    export: str


def steps(plan: Plan, form: Form, python: str | None = None, *, place: Path | None = None) -> Steps:
    """The commands of `form`, run by `python` (default: the interpreter that runs yolopatch).

    `place` is the workspace as the user would name it.
    """
    name = plan.name if form.default else f"{plan.name}-{form.name}"
    values = {
        "config": plan.config(form),
        "data": plan.upstream.data,
        "name": name,
        "imgsz": 640,
        "batch": 16,
        "epochs": 100,
        "device": "0" if shutil.which("nvidia-smi") else "cpu",
        "weights": plan.upstream.weights.format(name=name),
        "source": "PICTURES",
    }
    word = _python_word(python or sys.executable)
    commands = form.commands
    train, val, detect, export = (
        text.format(**values).replace("python ", f"{word} ", 1)
        for text in (commands.train, commands.val, commands.detect, commands.export)
    )
    ours = _ours(plan, form, place or Path(plan.name))
    return Steps(form.name, ours, _with_recipe(plan, form, train), val, detect, export)


def _ours(plan: Plan, form: Form, place: Path) -> str | None:
    if plan.upstream.interface is None:
        return None
    words = ["train", str(place), "--data", plan.upstream.data]
    return f"{_our_word()} {shlex.join(words if form is plan.form else [*words, '--form', form.name])}"


def _our_word() -> str:
    """As `_python_word`, for the command `yolopatch`."""
    found, beside = shutil.which("yolopatch"), Path(sys.executable).with_name("yolopatch")
    if found and Path(found).parent == beside.parent:
        return "yolopatch"
    return shlex.quote(str(beside)) if beside.is_file() else f"{_python_word(sys.executable)} -m yolopatch"


def _with_recipe(plan: Plan, form: Form, command: str) -> str:
    """Upstream's training command with the settings that train this form well, in place of its own of that name."""
    recipe = plan.recipe(form)
    if not recipe:
        return command
    if (
        plan.upstream.interface is not None and plan.upstream.interface.train.entry
    ):  # a line of Python: keyword arguments
        start, closing, end = command.rpartition(")")
        return start + "".join(f", {_keyword(word)}" for word in recipe) + closing + end
    return shlex.join(overridden(shlex.split(command), recipe))


def _keyword(word: str) -> str:
    """`momentum=0.9` as it is, `optimizer=SGD` with quotes: what a command line leaves out, Python wants."""
    name, _, value = word.partition("=")
    try:
        ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return f"{name}={value!r}"
    return word


def steps_of(workspace: Path) -> tuple[Steps, ...]:
    """The commands of every form of a workspace, the default form first.

    Raises:
        RequestError: it is no workspace.
    """
    lock = read_lock(workspace)
    names = lock.inputs
    plan = make_plan(Catalog(), names.yolo, names.variant, pin=names.pin, head=names.head, classes=names.classes)
    forms = sorted(plan.forms, key=lambda form: not form.default)
    return tuple(steps(plan, form, place=workspace) for form in forms)


def _python_word(python: str) -> str:
    """`python` where the user's shell finds that interpreter, its path elsewhere (an environment not activated)."""
    found = shutil.which("python")
    if found and Path(found).parent == Path(python).parent:
        return "python"
    return shlex.quote(python)
