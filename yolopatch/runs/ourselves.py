"""How yolopatch calls itself in a process of its own, and the one JSON document that comes back."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yolopatch.runs.crew import Finished
from yolopatch.runs.environ import cpus

# The very program that runs now, whatever the current folder and other installations hold.
_START = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from {module} import main; main()"


def own_command(words: Sequence[str], module: str = "yolopatch.cli.main") -> list[str]:
    """Calls `main` of a module of ours with `words` as its arguments; without `module`, the command line."""
    path = [str(Path(entry).absolute()) for entry in sys.path]
    return [sys.executable, "-c", _START.format(module=module), json.dumps(path), *words]


def shared_variables(jobs: int) -> dict[str, str]:
    """The environment of one of `jobs` processes: the CPUs are shared out, unless the user did so."""
    threads = {} if os.environ.get("OMP_NUM_THREADS") else {"OMP_NUM_THREADS": str(max(1, cpus() // jobs))}
    return {**os.environ, **threads}


def answer(finished: Finished[Any]) -> dict[str, Any]:
    """The document that it printed; empty where there is none."""
    try:
        document = json.loads(finished.stdout)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
