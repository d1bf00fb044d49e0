"""What takes minutes runs where a variable asks for it."""

from __future__ import annotations

import os

import pytest

WANTED = bool(os.environ.get("YOLOPATCH_TEST_LONG"))
REASON = "takes minutes; YOLOPATCH_TEST_LONG=1 runs it (see CONTRIBUTING.md, Tests)"

long = pytest.mark.skipif(not WANTED, reason=REASON)
