"""What the documentation says with upstream's code: the blocks that are marked so, as they stand."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.docs.running import MARKS, by_mirrors, run, sittings
from tests.upstream import long
from yolopatch.catalog import Catalog


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize("sitting", sittings(*(mark for mark in MARKS if MARKS[mark])), ids=lambda one: one.name)
def test_the_blocks_of_a_page_run_one_after_the_other(sitting, tmp_path, environment, request):
    needs = MARKS[sitting.mark]
    if "long" in needs and not long.WANTED:
        pytest.skip(long.REASON)
    if "mirrors" in needs:
        for yolo in Catalog().yolos:
            if yolo == "v8" or f"--yolo {yolo} " in sitting.text:
                request.getfixturevalue("mirror")(yolo)
        environment = {**environment, **by_mirrors(Path(os.environ["YOLOPATCH_TEST_MIRRORS"]))}
    if "registry" in needs:
        request.getfixturevalue("registry")
    done = run(sitting.text, tmp_path, {**environment, "YOLOPATCH_CONNECT_TIMEOUT": "3"})
    assert done.returncode == 0, f"{sitting.text}\n{done.stdout}\n{done.stderr}"
