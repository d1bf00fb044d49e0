"""For all tests."""

from __future__ import annotations

import os

# With `pytest -n 2` each worker has one core. Before torch is imported, here and in the processes that tests start.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
