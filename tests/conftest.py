"""For all tests."""

from __future__ import annotations

import os

# With `pytest -n 2` each worker has one core. Before torch is imported, here and in the processes that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The errors that tests read are English, on a machine of any language, in the processes that tests start too.
os.environ["LC_ALL"] = "C.UTF-8"
os.environ.pop("LANGUAGE", None)
