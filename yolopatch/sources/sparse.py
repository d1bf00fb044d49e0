"""Choose the files of a git tree that make the sparse checkout."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from yolopatch.errors import RequestError
from yolopatch.paths import refuse_collisions, safe_tree_path
from yolopatch.sources.layout import glob_matches
from yolopatch.sources.models import EXECUTABLE_MODE, FILE_MODE, Entry

_REFUSED = {"120000": "a symbolic link", "160000": "a submodule"}


def choose(entries: Iterable[Entry], rules: Sequence[str]) -> tuple[Entry, ...]:
    """The entries that the rules choose, sorted by path, with modes made plain.

    Raises `RequestError` when a chosen entry is a link, a submodule or has a refused path, or
    when nothing is chosen.
    """
    chosen = [_plain(entry) for entry in entries if is_chosen(entry.path, rules)]
    if not chosen:
        raise RequestError(f"the sparse rules choose no file of the tree: {', '.join(rules) or '(there are none)'}")
    refuse_collisions(entry.path for entry in chosen)
    return tuple(sorted(chosen, key=lambda entry: entry.path))


def is_chosen(path: str, rules: Sequence[str]) -> bool:
    """Whether the last rule that matches the path takes it in."""
    for rule in reversed(rules):
        pattern = rule.removeprefix("!")
        if glob_matches(pattern + "**" if pattern.endswith("/") else pattern, path):
            return not rule.startswith("!")
    return False


def _plain(entry: Entry) -> Entry:
    what = _REFUSED.get(entry.mode)
    if what is not None:
        raise RequestError(f"'{entry.path}' is {what}, which a tree may not hold; leave it out with '!{entry.path}'")
    mode = EXECUTABLE_MODE if entry.mode == EXECUTABLE_MODE else FILE_MODE  # old trees know 100664
    return Entry(safe_tree_path(entry.path), mode, entry.blob)
