"""`python -B PATH/TO/probe REQUEST RESULTS`, run in the root of the patched tree.

REQUEST is a JSON file; RESULTS takes one JSON document a line.
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


def _die_with(parent: int, scratch: Path) -> None:
    """End when the process that started us is gone: it can no longer stop us, nor tidy up."""
    while os.getppid() == parent:
        time.sleep(0.5)
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(1)


def main() -> int:
    """Run the levels of the request; failures are results, so the exit code stays 0."""
    request, results = Path(sys.argv[1]), Path(sys.argv[2])
    sys.argv[1:] = []  # upstream modules parse sys.argv at import
    if os.name == "posix":
        threading.Thread(target=_die_with, args=(os.getppid(), request.parent), daemon=True).start()
    _load_package()
    levels = importlib.import_module("yolopatch_probe.levels")
    levels.run(request, results)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
