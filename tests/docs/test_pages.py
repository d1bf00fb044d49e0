"""The commands in the READMEs and in docs/: the command line takes them, a mark says how they are run, and they are."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import click
import pytest

from tests.docs.running import CI, ENGLISH, FILE, MARKS, NOT_RUN, by_mirrors, run, sittings
from tests.docs.shell import PAGES, PREPARE, ROOT, Block, blocks, commands, fences, indented, parse

PAIRS = [page for page in ENGLISH if page.with_suffix(".zh-CN.md").exists()]


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _commands(page: Path) -> list[list[str]]:
    return [words for block in blocks(page) for words in commands(block.text)]


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


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_example_of_a_page_says_how_it_is_run(page):
    for block in fences(page):
        if block.language in ("sh", "python") or block.mark:
            assert _understood(block), f"no mark, or an unknown one, {block.mark!r}, above\n{block.text}"


def _understood(block: Block) -> bool:
    if block.how.startswith(NOT_RUN):
        return len(block.how.removeprefix(NOT_RUN).split()) >= 3 and not block.prepare
    if block.how.startswith(FILE):
        return block.language not in ("sh", "python")
    return block.language in ("sh", "python") and (block.how in MARKS or _in_ci(block))


def _in_ci(block: Block) -> bool:
    name = re.match(r"command: ([a-z]+); ", block.mark)
    return bool(name and block.how == CI and f"README.md {name[1]})" in (ROOT / ".ci/run").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_comment_that_says_how_stands_anywhere_but_above_a_block(page):
    text = page.read_text(encoding="utf-8")
    marks, preparations = ([bool(getattr(one, name)) for one in fences(page)] for name in ("mark", "prepare"))
    assert len(PREPARE.findall(text)) == sum(preparations) == text.count("<!-- prepare:")
    assert sum(marks) + sum(preparations) == text.count("<!-- ")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_no_command_stands_in_indented_code_where_it_would_have_no_mark(page):
    assert indented(page) == []


@pytest.mark.parametrize("page", PAIRS, ids=_name)
def test_a_page_has_the_same_marks_in_both_languages(page):
    def marks(one: Path) -> list[tuple[str, str]]:
        return [(block.language, block.mark) for block in fences(one)]

    assert marks(page) == marks(page.with_suffix(".zh-CN.md"))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("<!-- run -->\n```sh\nls\n```\n", True),
        ("```sh\nls\n```\n", False),
        ("<!-- run: sometimes -->\n```sh\nls\n```\n", False),
        ("<!-- not run: it needs a cluster -->\n```sh\nls\n```\n", True),
        ("<!-- not run: -->\n```sh\nls\n```\n", False),
        ("<!-- command: train; run: ci -->\n```sh\nls\n```\n", False),
        ("<!-- prepare:\ntrue\n-->\n<!-- run: long -->\n```python\nprint()\n```\n", True),
        ("<!-- file: a.yaml -->\n```yaml\na: 1\n```\n", True),
    ],
)
def test_a_block_without_a_right_mark_would_be_found(tmp_path, text, right):
    (tmp_path / "page.md").write_text(text)
    (block,) = fences(tmp_path / "page.md")
    assert _understood(block) is right


def test_the_runner_prepares_a_block_and_calls_the_program_that_is_tested(tmp_path):
    done = run('.venv/bin/yolopatch train --help; yolopatch --version; echo "$CHECKOUT"', tmp_path, os.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"{ROOT}\n")


def test_a_mirror_stands_for_upstreams_address(tmp_path):
    (tmp_path / "v7.git").mkdir()
    given = by_mirrors(tmp_path)
    assert given["GIT_CONFIG_COUNT"] == "1"
    assert given["GIT_CONFIG_KEY_0"] == f"url.{(tmp_path / 'v7.git').resolve().as_uri()}.insteadOf"


@pytest.mark.skipif(shutil.which("bash") is None or sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize("sitting", sittings("run"), ids=lambda one: one.name)
def test_a_block_that_is_marked_so_runs_with_no_network(sitting, tmp_path):
    pytest.importorskip("sklearn", reason="the extra upstream brings what the demo set needs")
    pytest.importorskip("skimage", reason="the extra upstream brings what the demo set needs")
    nowhere = "http://127.0.0.1:9"
    environment = {"https_proxy": nowhere, "http_proxy": nowhere, "YOLOPATCH_CACHE": str(tmp_path / "cache")}
    done = run(sitting.text, tmp_path, {**os.environ, **environment})
    assert done.returncode == 0, f"{sitting.text}\n{done.stdout}\n{done.stderr}"
