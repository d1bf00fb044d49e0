"""Hooks of mkdocs: the README is the home page, files outside docs/ come along, and each command gets a page."""

from __future__ import annotations

import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import CombinedEvent, event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(Path(__file__).parent), str(ROOT)]

import commands  # noqa: E402

CHINESE = ".zh-CN.md"
_HOME = {"README.md": "index.md", "README.zh-CN.md": "index.zh-CN.md"}
_LINK = re.compile(r"(\]\()([^)\s#]+)([^)]*\))")
_OTHER_LANGUAGE = re.compile(r"^\[(?:中文|English)\]\([^)]*\)\n+", re.MULTILINE)
# A line that ends and the next that begins in Chinese, between which a browser would put a space.
_BROKEN = re.compile(r"(?<=[\u3001-\uffef]) *\n *(?=[\u4e00-\u9fff])")
_FENCED = re.compile(r"^```.*?^```$|<!--.*?-->", re.MULTILINE | re.DOTALL)

# How an example is run, and what is prepared for it: for the tests alone (CONTRIBUTING.md, Documentation).
_MARK = re.compile(r"^ *<!-- (?:prepare:\n|run|not run: |file: |command: ).*?-->\n", re.MULTILINE | re.DOTALL)

# Pages that are no files of docs/: what they hold, by their name in the site.
_made: dict[str, str] = {}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the navigation with the commands that there are."""
    for item in config.nav or []:
        if "Commands" in item:
            item["Commands"] = commands.navigation()
    return config


@event_priority(100)
def _add(files: Files, config: MkDocsConfig) -> Files:
    _made.update(commands.pages())
    for name, place in _HOME.items():
        _made[place] = (ROOT / name).read_text(encoding="utf-8")
    wanted = [f"docs/{file.src_uri}" for file in files if file.is_documentation_page()]
    wanted += _HOME
    seen: set[str] = set()
    while wanted:
        source = wanted.pop()
        text = (ROOT / source).read_text(encoding="utf-8")
        for target in _outside(text, source):
            place = f"project/{target}"
            if place in seen:
                continue
            seen.add(place)
            if place.endswith(".md"):
                _made[place] = (ROOT / target).read_text(encoding="utf-8")
                wanted.append(target)
            else:
                files.append(_file(place, config))
    for place in _made:
        files.append(_file(place, config))
    return files


def _file(place: str, config: MkDocsConfig) -> File:
    return File(place, config.docs_dir, config.site_dir, config.use_directory_urls)


@event_priority(-200)
def _fill(files: Files, config: MkDocsConfig) -> Files:
    """The plugin i18n makes each file anew, as if it lay in docs/; give those that do not their content back."""
    for file in files:
        if file.src_uri in _made:
            file.content_string = _made[file.src_uri]
        elif file.src_uri.startswith("project/"):
            file.abs_src_path = str(ROOT / file.src_uri.removeprefix("project/"))
    return files


on_files = CombinedEvent(_add, _fill)


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Turn links to files of the repository into links of the site."""
    here = page.file.src_uri
    source = _source(here)
    text = _MARK.sub("", _OTHER_LANGUAGE.sub("", markdown, count=1))

    def turn(match: re.Match[str]) -> str:
        begin, target, end = match.groups()
        place = _place(target, source)
        if place is None:
            return match.group()
        return begin + posixpath.relpath(place, posixpath.dirname(here) or ".") + end

    if here.endswith(CHINESE):
        text = _prose(text, lambda part: _BROKEN.sub("", part))
    return _prose(text, lambda part: _LINK.sub(turn, _bars(part)))


def _source(place: str) -> str:
    """The file of the repository that the page at `place` comes from."""
    for name, home in _HOME.items():
        if place == home:
            return name
    return place.removeprefix("project/") if place.startswith("project/") else f"docs/{place}"


def _prose(text: str, change: Any) -> str:
    """`text` with `change` made to all of it but blocks of code and comments."""
    done, at = [], 0
    for block in _FENCED.finditer(text):
        done += [change(text[at : block.start()]), block.group()]
        at = block.end()
    return "".join([*done, change(text[at:])])


def _bars(text: str) -> str:
    """In a table GitHub wants `a\\|b` in code, Python's Markdown `a|b`."""
    return re.sub(r"`[^`\n]*`", lambda code: code.group().replace(r"\|", "|"), text)


def _target(target: str, source: str) -> str | None:
    """The file of the repository that a link in `source` leads to; None if it leads elsewhere."""
    if "://" in target or target.startswith(("mailto:", "/")):
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def _outside(text: str, source: str) -> list[str]:
    found = [_target(match[2], source) for match in _LINK.finditer(_FENCED.sub("", text))]
    names = [name for name in found if name and not name.startswith(("docs/", "..")) and name not in _HOME]
    return [name for name in names if (ROOT / name).is_file()]


def _place(target: str, source: str) -> str | None:
    """Where in the site a link in `source` leads: to the page in the language that is being built."""
    name = _target(target, source)
    if name is None:
        return None
    place = _HOME.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else f"project/{name}")
    return place.removesuffix(CHINESE) + ".md" if place.endswith(CHINESE) else place
