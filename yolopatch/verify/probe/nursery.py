"""Probes forked from one process that has imported what takes long: torch, and what upstream imports besides.

Standard input takes one JSON document a line: `folder`, `request`, `results`, `log`, `environment`, and `starter`, the
id of the process that asks. The answer is
`{"pid": N}` and, when that process has ended, `{"code": N}`; or `{"pid": null}` where the tree has a module of its own
by the name of one that is imported already, so that a fork would not see it.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

_WARM = (
    *("torch", "torch.utils.flop_counter", "torchvision", "numpy", "yaml", "cv2", "PIL.Image", "PIL.ImageDraw"),
    *("pandas", "matplotlib.pyplot", "scipy.signal", "seaborn", "requests", "tqdm", "psutil"),
)


def serve(run: Callable[[Path, Path, tuple[int, int]], None]) -> None:
    """Fork a probe for each request in turn; `run` gets request, results, and the processes to die with."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a module prints when it is imported is no answer
    for name in _WARM:
        with contextlib.suppress(Exception):  # whether the tree needs it is the tree's matter
            importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        if _hides(Path(request["folder"])):
            _say(answers, pid=None)
            continue
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            _become(request, run, parent)
        _say(answers, pid=pid)
        _, status = os.waitpid(pid, 0)
        _say(answers, code=os.waitstatus_to_exitcode(status))


def _hides(folder: Path) -> bool:
    """Whether a module of the tree has the name of one that is imported."""
    for entry in folder.iterdir():
        name = entry.stem if entry.suffix == ".py" else entry.name
        if name in sys.modules and (entry.suffix == ".py" or (entry / "__init__.py").exists()):
            return True
    return False


def _say(answers: IO[str], **document: object) -> None:
    answers.write(json.dumps(document) + "\n")
    answers.flush()


def _become(request: dict[str, Any], run: Callable[[Path, Path, tuple[int, int]], None], parent: int) -> NoReturn:
    """Run one probe in this process, as if it had been started for it."""
    code = 1
    try:
        os.setsid()
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        os.environ.clear()
        os.environ.update(request["environment"])
        tempfile.tempdir = None
        os.chdir(request["folder"])
        sys.path.insert(0, request["folder"])
        run(Path(request["request"]), Path(request["results"]), (parent, request["starter"]))
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
