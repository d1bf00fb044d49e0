"""What the commands say of themselves, as data: for the pages of the documentation and for the tests."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

import click

_TITLE = "Examples:"


@dataclass(frozen=True)
class Entry:
    """One option or argument."""

    names: str
    text: str
    default: str


@dataclass(frozen=True)
class Manual:
    """The help of one command."""

    name: str
    """As it is called: `yolopatch cache prune`."""
    command: click.Command
    usage: str
    paragraphs: tuple[str, ...]
    options: tuple[Entry, ...]
    examples: tuple[str, ...]


def walk(command: click.Command, name: str = "yolopatch", parent: click.Context | None = None) -> Iterator[Manual]:
    """The manual of `command` and of every command below it, in the order of the help page."""
    ctx = click.Context(command, info_name=name, parent=parent)
    yield _manual(command, ctx)
    if isinstance(command, click.Group):
        for verb in command.list_commands(ctx):
            below = command.get_command(ctx, verb)
            if below is not None and not below.hidden:
                yield from walk(below, verb, ctx)


def _manual(command: click.Command, ctx: click.Context) -> Manual:
    paragraphs, examples = _split(command.help or "")
    pieces = " ".join(command.collect_usage_pieces(ctx))
    return Manual(
        name=ctx.command_path,
        command=command,
        usage=f"{ctx.command_path} {pieces}",
        paragraphs=paragraphs,
        options=tuple(_entry(option, ctx) for option in command.params if isinstance(option, click.Option)),
        examples=examples,
    )


def _split(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paragraphs of a help text, and the lines that stand below `Examples:`."""
    paragraphs, examples = [], []
    for block in inspect.cleandoc(text).replace("\b\n", "").split("\n\n"):
        lines = block.strip().splitlines()
        if lines and lines[0] == _TITLE:
            examples += [line.strip() for line in lines[1:]]
        elif lines:
            paragraphs.append("\n".join(lines))
    return tuple(paragraphs), tuple(examples)


def _entry(option: click.Option, ctx: click.Context) -> Entry:
    metavar = "" if option.is_flag or option.count else f" {option.make_metavar(ctx)}"
    default = option.get_default(ctx, call=False)
    shown = "" if option.is_flag or not option.show_default else str(default)
    text = (option.help or "") + (" Required." if option.required else "")
    return Entry(", ".join((*option.opts, *option.secondary_opts)) + metavar, text.strip(), shown)
