"""The command that a user types next."""

from __future__ import annotations

import shutil

from yolopatch.catalog import Form
from yolopatch.workflows.plan import Plan


def train_command(plan: Plan, form: Form) -> str:
    """Upstream's own training command for a form, complete; it can be pasted in the workspace."""
    return form.commands.train.format(
        config=plan.config(form),
        data=plan.upstream.data,
        name=plan.name,
        imgsz=640,
        batch=16,
        epochs=100,
        device="0" if shutil.which("nvidia-smi") else "cpu",
        weights="''",
        source="",
    )
