"""docs/ as a site: it builds without a warning and without a network, and has a page for each command."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys

import pytest

from tests.docs.shell import ROOT
from yolopatch.cli.main import cli
from yolopatch.cli.manual import walk

NEEDS = ("mkdocs", "material", "mkdocs_static_i18n")
VERBS = [manual.name.split()[1] for manual in walk(cli) if len(manual.name.split()) == 2]
LANGUAGES = ("", "zh-CN/")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; the extra docs brings it")
    folder = tmp_path_factory.mktemp("site")
    nowhere = "http://127.0.0.1:9"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "https_proxy": nowhere, "http_proxy": nowhere},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def test_the_site_fetches_nothing_when_it_is_read(site):
    fetched = re.compile(
        r"""<(?:script|img|iframe|source)[^>]*\ssrc=["']?(?:https?:)?//|<link[^>]*rel=["']?(?:stylesheet|preconnect)[^>]*//"""
    )
    for page in site.rglob("*.html"):
        found = fetched.search(page.read_text(encoding="utf-8"))
        assert found is None, f"{page}: {found}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("verb", VERBS)
def test_each_command_has_a_page_that_says_what_its_help_says(site, verb, language):
    text = (site / f"{language}commands/{verb}.html").read_text(encoding="utf-8")
    for manual in walk(cli):
        if manual.name.split()[1:2] == [verb]:
            assert f">{manual.name}<" in text
            for entry in manual.options:
                assert entry.names.split(",")[0].split()[0] in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_pages_of_the_repository_outside_docs_are_in_the_site(site, language):
    for name in ("index", "start", "concepts", "questions", "project/CONTRIBUTING", "project/CHANGELOG"):
        assert (site / f"{language}{name}.html").is_file()
    home = (site / f"{language}index.html").read_text(encoding="utf-8")
    assert 'href="training.html"' in home
    assert not [link for link in re.findall(r'href="([^"#]*)"', home) if link.endswith(".md")]


def test_how_the_examples_are_run_is_not_in_the_site(site):
    text = "".join(page.read_text(encoding="utf-8") for page in [*site.rglob("*.html"), *site.rglob("*.json")])
    assert not re.search(r"<!-- (prepare|run|not run|file|command)|cp -r", text)


def test_chinese_pages_are_chinese(site):
    for page in sorted((ROOT / "docs").glob("*.zh-CN.md")):
        text = (site / "zh-CN" / page.name.replace(".zh-CN.md", ".html")).read_text(encoding="utf-8")
        article = text[text.index("<article") :]
        assert len(re.findall("[\u4e00-\u9fff]", article)) > 100, page
