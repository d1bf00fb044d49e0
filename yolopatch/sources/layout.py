"""Put the files of a published package back into the repository's layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from yolopatch.errors import RequestError
from yolopatch.paths import refuse_collisions, safe_tree_path

Member = tuple[str, bool, bytes]
"""Path in the archive, whether it is executable, content."""


def lay_out(
    members: Iterable[Member],
    moves: Sequence[tuple[str, str]],
    rewrites: Sequence[tuple[str, str, str]] = (),
) -> dict[str, tuple[bool, bytes]]:
    """The repository's files by path, sorted: whether executable, and content.

    `moves` are (source, target): the first whose source is the file or a folder above it wins,
    and a file that none names is left out; '' is the top, and a target that ends in '/' takes a
    file in under its own name. `rewrites` are (glob of paths in the repository, regular
    expression, replacement), applied in order to every line, which they see without its line
    ending.

    Raises `RequestError` when two files land on one path or a path is refused.
    """
    tree: dict[str, tuple[bool, bytes]] = {}
    for path, executable, data in members:
        target = moved(path, moves)
        if target is None:
            continue
        if target in tree:
            raise RequestError(f"the layout's moves put two files at '{target}' (the second is '{path}')")
        tree[safe_tree_path(target)] = (executable, rewritten(target, data, rewrites))
    refuse_collisions(tree)
    return dict(sorted(tree.items()))


def moved(path: str, moves: Sequence[tuple[str, str]]) -> str | None:
    """Where a package's file belongs in the repository; None when it is left out."""
    for source, target in moves:
        folder = source.rstrip("/")
        if folder and path == folder:
            return target + path.rpartition("/")[2] if target == "" or target.endswith("/") else target
        if not folder or path.startswith(folder + "/"):
            rest = path[len(folder) + 1 :] if folder else path
            top = target.rstrip("/")
            return f"{top}/{rest}" if top else rest
    return None


def rewritten(path: str, data: bytes, rewrites: Sequence[tuple[str, str, str]]) -> bytes:
    """The file's content after the rewrites whose glob matches its path."""
    chosen = [(re.compile(pattern), text) for files, pattern, text in rewrites if glob_matches(files, path)]
    if not chosen:
        return data
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    return "\n".join(_rewrite_line(line, chosen) for line in lines).encode("utf-8", "surrogateescape")


def glob_matches(glob: str, path: str) -> bool:
    """Whether the path matches: '*' and '?' stay within a name, '**/' is any number of folders."""
    return _glob_expression(glob).fullmatch(path) is not None


def _rewrite_line(line: str, rewrites: list[tuple[re.Pattern[str], str]]) -> str:
    ending = "\r" if line.endswith("\r") else ""
    line = line.removesuffix("\r")
    for pattern, text in rewrites:
        line = pattern.sub(text, line)
    return line + ending


@lru_cache(maxsize=256)
def _glob_expression(glob: str) -> re.Pattern[str]:
    tokens = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob)
    return re.compile("".join(tokens.get(part, re.escape(part)) for part in parts), re.DOTALL)
