"""The list of a git pin's files, so that a package can be compared with it where there is no git host."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from yolopatch.errors import RequestError
from yolopatch.paths import safe_tree_path
from yolopatch.sources.models import Comparison, Entry

_LINE = re.compile(r"([0-9a-f]{40}) (100644|100755) (.+)")


def parse_blobs(text: str, name: str = "blobs") -> tuple[Entry, ...]:
    """Read `<blob id> <mode> <path>` lines; empty lines and lines that start with '#' are left out.

    Raises `RequestError` that names the file, the line and what was expected.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise RequestError(f"{name}:{number}: expected '<blob id> <100644 or 100755> <path>'")
        entries.append(Entry(path=safe_tree_path(match[3]), mode=match[2], blob=match[1]))
    return tuple(sorted(entries, key=lambda entry: entry.path))


def read_blobs(file: Path) -> tuple[Entry, ...]:
    """The entries of a manifest file; raises `RequestError` when it is absent or wrong."""
    try:
        return parse_blobs(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"cannot read '{file}': {error}") from error


def format_blobs(entries: Iterable[Entry]) -> str:
    """The manifest's text: one line an entry, sorted by path."""
    ordered = sorted(entries, key=lambda entry: entry.path)
    return "".join(f"{entry.blob} {entry.mode} {entry.path}\n" for entry in ordered)


def write_blobs(file: Path, entries: Iterable[Entry]) -> None:
    """Write a manifest file."""
    file.write_text(format_blobs(entries), encoding="utf-8", newline="\n")


def compare(tree: Iterable[Entry], reference: Iterable[Entry]) -> Comparison:
    """Which files of the tree are those of the reference. Modes do not count: wheels lose them."""
    ours = {entry.path: entry.blob for entry in tree}
    theirs = {entry.path: entry.blob for entry in reference}
    common = sorted(ours.keys() & theirs.keys())
    different = tuple(path for path in common if ours[path] != theirs[path])
    return Comparison(
        identical=len(common) - len(different),
        different=different,
        missing=tuple(sorted(theirs.keys() - ours.keys())),
        extra=tuple(sorted(ours.keys() - theirs.keys())),
    )
