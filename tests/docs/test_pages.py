"""The commands in the READMEs and in docs/: the command line takes them, and those marked so are run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tests.docs.shell import PAGES, ROOT, blocks, commands, indented, parse

ENGLISH = [page for page in PAGES if not page.name.endswith(".zh-CN.md")]
PAIRS = [page for page in ENGLISH if page.with_suffix(".zh-CN.md").exists()]
RUN = [page for page in ENGLISH if any(block.mark == "run" for block in blocks(page))]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _commands(page: Path) -> list[list[str]]:
    texts = [*(block.text for block in blocks(page)), indented(page)]
    return [words for text in texts for words in commands(text)]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_command_line_takes_every_command_of_a_page(page):
    for words in _commands(page):
        try:
            parse(words)
        except click.UsageError as error:
            raise AssertionError(f"yolopatch {' '.join(words)}: {error.format_message()}") from error


def test_commands_are_found_in_the_pages():
    assert sum(len(_commands(page)) for page in ENGLISH) > 60


@pytest.mark.parametrize("page", PAIRS, ids=_name)
def test_a_page_has_the_same_commands_in_both_languages(page):
    assert _commands(page) == _commands(page.with_suffix(".zh-CN.md"))


@pytest.mark.parametrize("page", [page for page in ENGLISH if page.parent.name == "docs"], ids=_name)
def test_every_page_of_docs_is_there_in_chinese(page):
    assert page.with_suffix(".zh-CN.md").exists()


def test_a_mark_says_run_or_run_upstream_or_names_a_command():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        marks = [block.mark for block in blocks(page)]
        assert text.count("\n<!-- run") == sum(mark in ("run", "run: upstream") for mark in marks), page


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize("page", RUN, ids=_name)
def test_a_block_that_is_marked_so_runs_with_no_network(page, tmp_path):
    pytest.importorskip("sklearn", reason="the extra upstream brings what the demo set needs")
    pytest.importorskip("skimage", reason="the extra upstream brings what the demo set needs")
    text = "\n".join(block.text for block in blocks(page) if block.mark == "run")
    nowhere = "http://127.0.0.1:9"
    environment = {"https_proxy": nowhere, "http_proxy": nowhere, "YOLOPATCH_CACHE": str(tmp_path / "cache")}
    done = run(text, tmp_path, {**os.environ, **environment})
    assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"


def run(text: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run shell text in `folder`, where `yolopatch` is the one that is tested."""
    programs = folder / "bin"
    programs.mkdir()
    program = programs / "yolopatch"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m yolopatch "$@"\n')
    program.chmod(0o755)
    work = folder / "work"
    work.mkdir()
    path = f"{programs}{os.pathsep}{environment['PATH']}"
    shell = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(shell, cwd=work, env={**environment, "PATH": path}, capture_output=True, text=True)
