"""The results of a workspace's finished runs, for a comparison."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from yolopatch.compare.columns import METRICS
from yolopatch.compare.model import Run
from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.runs import folder
from yolopatch.runs.folder import Record, RunFolder
from yolopatch.runs.results import COST, read_ours

_FINISHED = "finished"


def results_of(workspace: Path, form: str, wanted: Sequence[str], reporter: Reporter) -> tuple[Run, ...]:
    """The finished runs of `form`, those called `wanted` where there are any such names.

    Runs that did not finish are left out with a warning where others did.

    Raises:
        RequestError: a run that is asked for, or the only ones there are, did not finish, or has lost its weights.
    """
    runs = [(run, run.read()) for run in folder.all_runs(workspace)]
    runs = [(run, record) for run, record in runs if record.get("arguments", {}).get("form") == form]
    if wanted:
        runs = [(run, record) for run, record in runs if run.name in wanted]
    done = [(run, record) for run, record in runs if record.get("status") == _FINISHED]
    for run, record in runs:
        if record.get("status") != _FINISHED:
            _unfinished(workspace, run, record, bool(done) and not wanted, reporter)
    return tuple(_result(run, record) for run, record in done)


def check_names(workspaces: Sequence[Path], wanted: Sequence[str]) -> None:
    """Raise `RequestError` where no workspace has a run of a name that is asked for."""
    there = {run.name for workspace in workspaces for run in folder.all_runs(workspace)}
    for name in wanted:
        if name not in there:
            known = f"there are {', '.join(sorted(there))}" if there else "there are none; yolopatch train makes one"
            raise RequestError(f"--run '{name}': no workspace has such a run; {known}")


def _unfinished(workspace: Path, run: RunFolder, record: Record, others: bool, reporter: Reporter) -> None:
    what = f"run '{run.name}' of {workspace} did not finish ({record.get('status')})"
    if others:
        reporter.warn(f"{what} and is left out")
        return
    raise RequestError(
        f"{what}; go on with yolopatch train {workspace} --resume {run.name}, or leave results out by --no-runs"
    )


def _result(run: RunFolder, record: Record) -> Run:
    best: dict[str, Any] = record.get("best") or {}
    weights = run.path / str(best.get("weights", "upstream/weights/best.pt"))
    if not weights.is_file():
        raise RequestError(
            f"{weights}: the weights of a finished run are gone; train again, name other runs by --run, "
            "or leave results out by --no-runs"
        )
    arguments = record["arguments"]
    data, classes = _data(run, Path(str(arguments["data"])))
    rows = read_ours(run.results)
    return Run(
        name=run.name,
        seed=int(record.get("seed", 0)),
        epochs=int(record.get("epochs_done") or arguments["epochs"]),
        imgsz=int(arguments["imgsz"]),
        batch=int(arguments["batch"]),
        device=str(arguments["device"]),
        data=data,
        classes=classes,
        metrics={name: float(best[name]) for name in METRICS if isinstance(best.get(name), int | float)},
        curve=tuple({k: v for k, v in row.items() if k not in COST} for _, row in sorted(rows.items())),
    )


def _data(run: RunFolder, source: Path) -> tuple[str, tuple[str, ...]]:
    """The data set's name with a digest of its pictures' names, which stays where the set is moved, and its classes."""
    file = run.path / "data" / "data.yaml"
    try:
        names = yaml.safe_load(file.read_text(encoding="utf-8"))["names"]
        lists = [file.with_name(f"{split}.txt").read_text(encoding="utf-8") for split in ("train", "val")]
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError) as error:
        raise RequestError(
            f"{file}: what run '{run.name}' was trained on cannot be read ({error}); name other runs by --run, "
            "or leave results out by --no-runs"
        ) from error
    pictures = [sorted(Path(line).name for line in text.splitlines()) for text in lists]
    digest = hashlib.sha256(json.dumps(pictures).encode()).hexdigest()[:8]
    classes = tuple(str(name) for name in (names.values() if isinstance(names, dict) else names))
    return f"{source.parent.name}/{source.name} {digest}", classes
