"""What the documentation says with upstream's code: the blocks of shell that are marked so, as they stand."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.docs.shell import PAGES, blocks
from tests.docs.test_pages import run

MARKS = ("run", "run: upstream")
MARKED = [page for page in PAGES if any(block.mark == MARKS[1] for block in blocks(page))]
ENGLISH = [page for page in MARKED if not page.name.endswith(".zh-CN.md")]  # the Chinese ones have the same


@pytest.mark.usefixtures("registry")
@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize("page", ENGLISH, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run_one_after_the_other(page, tmp_path, environment):
    text = "\n".join(block.text for block in blocks(page) if block.mark in MARKS)
    done = run(text, tmp_path, {**environment, "YOLOPATCH_CONNECT_TIMEOUT": "3"})
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert "mAP50" in done.stdout
