"""Goes on with a training run that was interrupted, killed, or failed."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yolopatch.console import Reporter
from yolopatch.errors import RequestError
from yolopatch.runs import folder
from yolopatch.runs.command import Launch, command_line
from yolopatch.runs.folder import Record, RunFolder
from yolopatch.runs.looking import look
from yolopatch.workflows.session import Session, claimed
from yolopatch.workflows.stage import Stage, form_of, open_stage, sight


@dataclass(frozen=True)
class ResumeRequest:
    """Which run to go on with; None: the newest that is not finished."""

    workspace: Path
    run: str | None = None
    python: str | None = None


def resume(request: ResumeRequest, reporter: Reporter) -> Record:
    """Go on with a run, with the arguments that it was started with; its record.

    A run that has no checkpoint yet begins anew.

    Raises:
        RequestError: there is no such run, it is finished, or another process trains it.
        CheckFailed: upstream's program failed.
        EnvironmentFailed: a package or device is missing, or memory ran out.
    """
    opened = open_stage(request.workspace, None, request.python)
    run = _chosen(opened, request.run)
    stage = opened.with_form(form_of(run))
    with claimed(run):
        record = run.read()  # again: another process may have finished it meanwhile
        if record["status"] == "finished":
            raise RequestError(
                f"run '{run.name}' is finished after {record['epochs_done']} epochs; start a new one, "
                f"from its weights with --weights {_shown(run, stage)}"
            )
        _same_model(stage, run, record)
        return _go_on(stage, run, record, reporter)


def _chosen(stage: Stage, name: str | None) -> RunFolder:
    if name is not None:
        return folder.find(stage.workspace, name)
    runs = folder.all_runs(stage.workspace)
    found = next((run for run in reversed(runs) if _unfinished(run)), None)
    if found is None:
        have = f"all {len(runs)} runs are finished" if runs else "it has no runs yet"
        raise RequestError(f"{stage.shown} has no run to go on with: {have}; start one with yolopatch train")
    return found


def _unfinished(run: RunFolder) -> bool:
    """A run that failed before its first epoch would fail so again: it is gone on with by name only."""
    try:
        record = run.read()
    except RequestError:
        return False
    status = record.get("status")
    return status in ("running", "interrupted") or (status == "failed" and bool(record.get("epochs_done")))


def _shown(run: RunFolder, stage: Stage) -> str:
    return str(Path(stage.shown) / run.upstream.relative_to(stage.workspace) / stage.interface.weights.best)


def _same_model(stage: Stage, run: RunFolder, record: Record) -> None:
    now = stage.lock.inputs
    then = record["lock"]["inputs"]
    for name in ("yolo", "variant", "head"):
        if then[name] != getattr(now, name):
            raise RequestError(
                f"run '{run.name}' trained {name} {then[name]} and {stage.shown} is {getattr(now, name)} now; "
                "start a new run"
            )


def _go_on(stage: Stage, run: RunFolder, record: Record, reporter: Reporter) -> Record:
    arguments = record["arguments"]
    sight(stage, arguments["device"], reporter=reporter)
    _set_aside_broken(stage, run, reporter)
    checkpoint, epoch = _checkpoint(stage, run)
    record["status"], record["error"], record["resumed"] = "running", None, record["resumed"] + 1
    session = Session(stage, run, record, reporter)
    if checkpoint is not None and (epoch < 0 or epoch + 1 >= arguments["epochs"]):
        reporter.note(f"run '{run.name}': all epochs are trained; evaluating its best weights")
        session.finish()
        return record
    if checkpoint is None:
        reporter.note(f"run '{run.name}' has no checkpoint yet: it begins anew with the same arguments")
        run.results.unlink(missing_ok=True)
        (run.upstream / stage.interface.table.file).unlink(missing_ok=True)
        return session.start(record["upstream_command"])
    reporter.note(f"run '{run.name}' goes on after epoch {epoch + 1} of {arguments['epochs']}")
    return session.start(_command(stage, run, arguments, checkpoint))


def _command(stage: Stage, run: RunFolder, arguments: dict[str, Any], checkpoint: Path) -> list[str]:
    program = stage.interface.train
    values = {"resume": str(checkpoint), "data": str(run.path / "data" / "data.yaml")}
    return command_line(
        program,
        stage.workspace,
        stage.python,
        {name: values[name] for name in program.resume_with},
        script=stage.form.scripts.train,
        without=stage.pin.lacks_words,
        launch=Launch(**arguments["launch"]),
    )


def _set_aside_broken(stage: Stage, run: RunFolder, reporter: Reporter) -> None:
    """Take weights out of upstream's way that a kill cut short: at its end it reads them all.

    torch.save writes a zip, whose directory comes last.
    """
    for place in (stage.interface.weights.last, stage.interface.weights.best):
        file = run.upstream / place
        if file.is_file() and not zipfile.is_zipfile(file):
            file.replace(file.with_name(f"{file.name}.broken"))
            reporter.note(f"run '{run.name}': {file.name} was cut short and is set aside")


def _checkpoint(stage: Stage, run: RunFolder) -> tuple[Path | None, int]:
    """The newest checkpoint that can be read and the epoch in it, from 0; -1 where training was over.

    A kill may hit upstream while it writes `last`; `best` is written after it, so one of the two is whole.
    """
    places = stage.interface.weights
    for file in (run.upstream / places.last, run.upstream / places.best):
        if not file.is_file():
            continue
        found = look(stage.python, stage.workspace, stage.variables(), weights=file).weights
        if found is not None and not found["problem"]:
            epoch = found["epoch"]
            return file, int(epoch if epoch is not None else -1)
    return None, -1
