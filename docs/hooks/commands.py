"""A page for each command of yolopatch, made from its code, in English and Chinese."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rich_click

from yolopatch.cli.main import cli
from yolopatch.cli.manual import Manual, walk

# The texts of the commands are English in both.
_WORDS = {
    ".md": {
        "title": "Commands",
        "intro": "`yolopatch --help` prints this list, `yolopatch COMMAND --help` what stands on a command's page.",
        "option": "option",
        "meaning": "meaning",
        "default": "default",
        "usage": "Usage",
        "examples": "Examples",
    },
    ".zh-CN.md": {
        "title": "命令",
        "intro": "`yolopatch --help` 打印这份列表,`yolopatch 命令 --help` 打印各页的内容。命令自身的说明只有英文。",
        "option": "选项",
        "meaning": "含义",
        "default": "默认值",
        "usage": "用法",
        "examples": "示例",
    },
}
_GROUPS = {
    "Make a patched YOLO": "生成打好补丁的 YOLO",
    "Train and use a model": "训练和使用模型",
    "Look after a workspace": "管理工作区",
    "Look after the patches": "管理补丁",
    "Look after this machine": "管理本机",
}


def navigation() -> list[Any]:
    """The part of the navigation that lists the commands."""
    names = [name for _, verbs in _groups() for name in verbs]
    return [{"Overview": "commands/index.md"}, *({name: f"commands/{name}.md"} for name in names)]


def pages() -> dict[str, str]:
    """The text of each page, by its name in the site."""
    manuals = list(walk(cli))
    made = {}
    for suffix, words in _WORDS.items():
        made[f"commands/index{suffix}"] = _overview(manuals, words, suffix)
        for manual in manuals:
            path = manual.name.split()
            if len(path) == 2:
                below = [one for one in manuals if one.name.startswith(f"{manual.name} ")]
                made[f"commands/{path[1]}{suffix}"] = "\n".join(_page(manual, below, words))
    return made


def _groups() -> Iterator[tuple[str, list[str]]]:
    """The groups of the help page, and the commands that no group has."""
    groups = rich_click.rich_click.COMMAND_GROUPS["yolopatch"]
    verbs = [manual.name.split()[1] for manual in walk(cli) if len(manual.name.split()) == 2]
    named = {name for group in groups for name in group.get("commands", [])}
    for group in groups:
        yield group.get("name", ""), [name for name in group.get("commands", []) if name in verbs]
    rest = [name for name in verbs if name not in named]
    if rest:
        yield "More", rest


def _overview(manuals: list[Manual], words: dict[str, str], suffix: str) -> str:
    first = {manual.name.split()[-1]: manual.paragraphs[0] for manual in manuals if len(manual.name.split()) == 2}
    lines = [f"# {words['title']}", "", words["intro"], ""]
    for title, names in _groups():
        lines += [f"## {title if suffix == '.md' else _GROUPS.get(title, title)}", "", "| | |", "|---|---|"]
        lines += [f"| [{name}]({name}.md) | {_cell(first[name])} |" for name in names]
        lines.append("")
    lines += ["## yolopatch --help", "", "```text", *"\n\n".join(manuals[0].paragraphs).splitlines(), "```", ""]
    return "\n".join(lines)


def _page(manual: Manual, below: list[Manual], words: dict[str, str]) -> Iterator[str]:
    yield from _section(manual, words, "#")
    for one in below:
        yield from _section(one, words, "##")


def _section(manual: Manual, words: dict[str, str], mark: str) -> Iterator[str]:
    yield f"{mark} {manual.name}\n"
    for paragraph in manual.paragraphs:
        yield f"{_prose(paragraph)}\n"
    yield f"**{words['usage']}**\n\n```text\n{manual.usage}\n```\n"
    if manual.examples:
        yield f"**{words['examples']}**\n\n```sh"
        yield from manual.examples
        yield "```\n"
    if manual.options:
        yield f"| {words['option']} | {words['meaning']} | {words['default']} |\n|---|---|---|"
        for entry in manual.options:
            default = f"`{entry.default}`" if entry.default else ""
            yield f"| `{entry.names}` | {_cell(entry.text)} | {default} |"
        yield ""


def _prose(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", r"\*").replace("_", r"\_")


def _cell(text: str) -> str:
    return " ".join(_prose(text).replace("|", r"\|").split())
