"""The commands of yolopatch that stand in shell text and in Markdown, and whether the real command line takes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from yolopatch.catalog import HEADS, Catalog
from yolopatch.cli.main import cli
from yolopatch.workflows.stock import stock_variants

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("README*.md"), ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
PREPARE = re.compile(r"^ *<!-- prepare:\n(?P<prepare>(?:(?!-->).)*)^ *-->\n", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(
    rf"(?:{PREPARE.pattern})?"
    r"^(?: *<!-- (?P<mark>[^\n]*?) -->\n)?"
    r"^ *```(?P<language>[^\n]*)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r" {4,}(\$ |(\.venv/bin/)?(yolopatch|python3?|pip|git|cd|bash) )")
_OPERATOR = re.compile(r"[;&|()<>]+")
_CATALOG = Catalog()


@dataclass(frozen=True)
class Block:
    """A fenced block of a page; `mark` and `prepare` are what the comments above it say."""

    language: str
    mark: str
    prepare: str
    text: str

    @property
    def how(self) -> str:
        """How it is run, without the name that .ci/run knows it by and the exit code."""
        return re.sub(r"^command: [a-z]+; |; exits \d+$", "", self.mark)

    @property
    def exits(self) -> int:
        """The exit code that the text tells of."""
        told = re.search(r"; exits (\d+)$", self.mark)
        return int(told[1]) if told else 0


def fences(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    found = _BLOCK.finditer(page.read_text(encoding="utf-8"))
    return [Block(one["language"], one["mark"] or "", one["prepare"] or "", one["text"]) for one in found]


def blocks(page: Path) -> list[Block]:
    """The ```sh blocks of a page."""
    return [block for block in fences(page) if block.language == "sh"]


def indented(page: Path) -> list[str]:
    """The commands that stand in a page's indented code."""
    text = _FENCED.sub("", re.sub(r"<!--.*?-->", "", page.read_text(encoding="utf-8"), flags=re.DOTALL))
    return [line for line in text.splitlines() if _COMMAND.match(line)]


def commands(text: str) -> Iterator[list[str]]:
    """The words behind `yolopatch` of each of its commands in shell text."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if not _OPERATOR.fullmatch(word):
                command.append(word)
                continue
            while command and (command[0] in ("do", "then") or re.match(r"\w+=", command[0])):
                command.pop(0)
            if command and Path(command[0]).name == "yolopatch":
                yield command[1:]
            command = []


def parse(words: list[str]) -> None:
    """Let click take a command's options and arguments, without running it, and look its names up in the catalog.

    Raises:
        click.UsageError: it would be refused.
    """
    command: click.Command = cli
    ctx: click.Context | None = None
    name, rest = "yolopatch", list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        ctx = click.Context(command, info_name=name, parent=ctx)
        name = rest.pop(0)
        below = command.get_command(ctx, name)
        if below is None:
            raise click.UsageError(f"no command {name!r}")
        command = below
    try:
        _look_up(command.make_context(name, rest, parent=ctx).params)
    except click.exceptions.Exit:  # --help
        return


def _look_up(given: dict[str, object]) -> None:
    """Names that only the workflows know: a wrong one parses, but the command would refuse it."""
    said = {key: value for key, value in given.items() if isinstance(value, str) and "$" not in value}
    if "yolo" not in said:
        return
    if said["yolo"] not in _CATALOG.yolos:
        raise click.UsageError(f"no YOLO {said['yolo']!r}")
    upstream = _CATALOG.upstream(said["yolo"])
    known = {
        "variant": [*_CATALOG.variants, *stock_variants(upstream)],
        "head": HEADS,
        "form": [form.name for form in upstream.forms],
    }
    for key, names in known.items():
        if key in said and said[key] not in names:
            raise click.UsageError(f"{said['yolo']} has no {key} {said[key]!r}")
