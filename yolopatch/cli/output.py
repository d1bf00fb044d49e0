"""Prints results and errors: one JSON document on stdout with --json, plain lines without."""

from __future__ import annotations

import json
import sys
import tempfile
import textwrap
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from yolopatch.errors import RequestError, YolopatchError
from yolopatch.messages import told


def print_json(data: Any) -> None:
    """The one JSON document of a command."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_error(error: YolopatchError, as_json: bool) -> int:
    """Print an error for a person (stderr) or a program (stdout); its exit code."""
    if as_json:
        print_json(
            {"error": {"kind": error.kind, "message": str(error), "detail": error.detail, "exit_code": error.exit_code}}
        )
        return error.exit_code
    print_told(str(error), error.detail)
    return error.exit_code


def print_told(message: str, detail: str | None = None) -> None:
    """Print an error for a person, in the person's language."""
    click.echo(told(message, detail, sys.stderr.encoding), err=True)


def print_unexpected(error: Exception, as_json: bool) -> int:
    """A bug of ours: one line, and the traceback in a file that can be sent to us."""
    with tempfile.NamedTemporaryFile("w", prefix="yolopatch-", suffix=".log", delete=False, encoding="utf-8") as log:
        log.write("".join(traceback.format_exception(error)))
    place = Path(log.name)
    message = f"unexpected {type(error).__name__}: {error}; this is a bug of yolopatch, please report it with {place}"
    wrapped = YolopatchError(" ".join(message.split()))
    wrapped.exit_code = 3
    return print_error(wrapped, as_json)


def table(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> None:
    """Aligned columns on stdout, no colour, no box."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    for row in [header, *rows]:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def print_forms(configs: Mapping[str, str]) -> None:
    """The model YAML of each form, one a line."""
    for form, config in configs.items():
        click.echo(f"  {'form ' + form:<{max(len(name) for name in configs) + 5}} {config}")


def wrapped(text: str, indent: int) -> str:
    """`text` on lines of 100 columns; those after the first begin at column `indent`."""
    return textwrap.fill(text, 100, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)


def write_file(path: Path, text: str) -> None:
    """Write a report that the user asked for.

    Raises:
        RequestError: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RequestError(f"{path}: cannot be written ({error.strerror or error}); name another file") from error
