"""Upstream's own commands for a workspace, complete: what a user types next."""

from __future__ import annotations

import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from yolopatch.catalog import Catalog, Form
from yolopatch.workflows.plan import Plan, make_plan
from yolopatch.workspace.lock import read_lock


@dataclass(frozen=True)
class Steps:
    """The commands of one form; they are typed in the workspace."""

    form: str
    train: str
    val: str
    detect: str
    export: str


def steps(plan: Plan, form: Form, python: str | None = None) -> Steps:
    """The commands of `form`, run by `python` (default: the interpreter that runs yolopatch)."""
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
    return Steps(form.name, train, val, detect, export)


def steps_of(workspace: Path) -> tuple[Steps, ...]:
    """The commands of every form of a workspace, the default form first.

    Raises:
        RequestError: it is no workspace.
    """
    lock = read_lock(workspace)
    names = lock.inputs
    plan = make_plan(Catalog(), names.yolo, names.variant, pin=names.pin, head=names.head, classes=names.classes)
    forms = sorted(plan.forms, key=lambda form: not form.default)
    return tuple(steps(plan, form) for form in forms)


def _python_word(python: str) -> str:
    """`python` where the user's shell finds that interpreter, its path elsewhere (an environment not activated)."""
    found = shutil.which("python")
    if found and Path(found).parent == Path(python).parent:
        return "python"
    return shlex.quote(python)
