"""The processes of a cell: the commands, and what is made of their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from yolopatch.runs.crew import Finished
from yolopatch.runs.ourselves import answer, own_command
from yolopatch.validation.model import Cell, Result, Step
from yolopatch.verify.process import Ending
from yolopatch.xml_text import writable

_LONGEST = 400  # characters of a line
_MOST = 40  # lines of detail


def apply_command(cell: Cell, workspace: Path, origin: str, remote: str | None) -> list[str]:
    """Makes the workspace of a cell."""
    words = ["apply", "--yolo", cell.yolo, "--variant", cell.variant, f"--pin={cell.commit or cell.pin}"]
    words += ["--head", cell.head, "--verify", "none", "--origin", origin, "--dest", str(workspace)]
    return own_command([*words, *([f"--remote={remote}"] if remote else []), "--json", "-q"])


def verify_command(cell: Cell, workspace: Path, level: str) -> list[str]:
    """Verifies a cell."""
    return own_command(["verify", str(workspace), "--level", level, "--form", cell.form, "--json", "-q"])


def applied(finished: Finished[Any]) -> Result:
    """What came of apply: `ok` with the commit of the tree, or why it failed."""
    document = answer(finished)
    if finished.code == 0 and "lock" in document:
        return Result("ok", "apply", seconds=_round(finished.seconds), base=document["lock"]["commit"])
    return _failed(finished, "apply", document)


def verified(finished: Finished[Any], before: Result) -> Result:
    """What came of a verification in the workspace that apply made with the result `before`."""
    document = answer(finished)
    seconds = _round(before.seconds + finished.seconds)
    if "levels" not in document:
        return replace(_failed(finished, "verify", document), seconds=seconds, base=before.base)
    facts: dict[str, Any] = {}
    for level in document["levels"]:
        facts.update(level["facts"])
    known: dict[str, Any] = {name: facts[name] for name in ("parameters", "gflops", "strides") if name in facts}
    result = Result("ok", seconds=seconds, facts=known, versions=document["versions"], base=before.base)
    failed = next((level for level in document["levels"] if level["status"] == "failed"), None)
    if failed is None:
        return result
    failure = failed["failure"]
    lines = [*failure["traceback"], *(f"  {line}" for line in failure["log"])]
    return replace(
        result,
        status="failed",
        step="verify",
        level=failed["name"],
        kind="check-failed",
        message=_line(failure["message"]),
        detail=_lines(lines),
    )


def _failed(finished: Finished[Any], step: Step, document: dict[str, Any]) -> Result:
    seconds = _round(finished.seconds)
    error = document.get("error")
    if error:
        detail = _lines((error["detail"] or "").splitlines())
        return Result("failed", step, None, error["kind"], _line(error["message"]), detail, seconds)
    said = finished.stderr.splitlines()
    message = f"yolopatch {step} {Ending(finished.code)}"
    return Result("failed", step, None, "error", _line(message), _lines(said[-_MOST:]), seconds)


def _line(text: str) -> str:
    """One line that terminals, XML and logs can hold."""
    line = writable(" ".join(text.split()))
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _lines(lines: Sequence[str]) -> tuple[str, ...]:
    return tuple(writable(line.rstrip())[:_LONGEST] for line in lines)[:_MOST]


def _round(seconds: float) -> float:
    return round(seconds, 2)
