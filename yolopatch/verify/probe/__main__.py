"""`python -B PATH/TO/probe REQUEST RESULTS`, run in the root of the patched tree.

REQUEST is a JSON file; RESULTS takes one JSON document a line. With `--nursery` in their place, requests come from
standard input (see nursery.py).
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import threading
import time
from pathlib import Path


def _load_package() -> None:
    """Import this folder under a name of its own.

    Python puts the folder of a script on sys.path; there, our modules could hide upstream's
    of the same names. Upstream's root takes its place, as when its own scripts run.
    """
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or os.curdir).resolve() != here]
    sys.path.insert(0, str(Path.cwd()))
    spec = importlib.util.spec_from_file_location(
        "yolopatch_probe", here / "__init__.py", submodule_search_locations=[str(here)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package at {here}")
    package = importlib.util.module_from_spec(spec)
    sys.modules["yolopatch_probe"] = package
    spec.loader.exec_module(package)


def _die_with(parent: int, starter: int, scratch: Path) -> None:
    """End when one of the processes that started us is gone: it can no longer stop us, nor tidy up."""
    while os.getppid() == parent and _lives(starter):
        time.sleep(0.5)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _run(request: Path, results: Path, watched: tuple[int, int]) -> None:
    if os.name == "posix":
        threading.Thread(target=_die_with, args=(*watched, request.parent), daemon=True).start()
    levels = importlib.import_module("yolopatch_probe.levels")
    levels.run(request, results)


def main() -> int:
    """Run the levels of the request; failures are results, so the exit code stays 0."""
    arguments = sys.argv[1:]
    sys.argv[1:] = []  # upstream modules parse sys.argv at import
    _load_package()
    if arguments == ["--nursery"]:
        sys.path.pop(0)  # that of the place where it was started; each probe has its own
        importlib.import_module("yolopatch_probe.nursery").serve(_run)
        return 0
    _run(Path(arguments[0]), Path(arguments[1]), (os.getppid(), os.getppid()))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
