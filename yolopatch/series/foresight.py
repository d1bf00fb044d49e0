"""What git cannot do anyway: a patch does not apply where a line that it looks for is nowhere in the file.

Most versions of a file that a patch does not apply to are told from those that it may apply to by this alone, without
starting git for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from yolopatch.series.patchfile import FileChange, Hunk, Patch
from yolopatch.series.trial import Files, place_of

Lines = Callable[[Hunk], "list[str]"]


class Foresight:
    """Which of the lines that some patches look for, or would leave, are in which version of a file."""

    def __init__(self, patches: Iterable[Patch]) -> None:
        hunks = (hunk for patch in patches for change in patch.changes for hunk in change.hunks)
        self._wanted = {_plain(line[1:]) for hunk in hunks for line in hunk.lines}
        self._found: dict[str, frozenset[str]] = {}

    def knows(self, blob: str) -> bool:
        """Whether `learn` was told of it."""
        return blob in self._found

    def learn(self, blob: str, content: bytes) -> None:
        """Look through a version of a file."""
        lines = map(_plain, content.decode("utf-8", "surrogateescape").split("\n"))
        self._found[blob] = frozenset(self._wanted.intersection(lines))

    def with_text(self, text: str) -> Callable[[Hunk], bool]:
        """A test for hunks of these patches: whether the file with that text has every line that one looks for."""
        known = frozenset(self._wanted.intersection(map(_plain, text.split("\n"))))
        return lambda hunk: known.issuperset(_before(hunk))

    def why_not(self, patch: Patch, files: Files) -> str | None:
        """Why `patch` cannot apply to `files`; None where it may."""
        blobs = {path: blob for path, _, blob in files}
        return next(filter(None, (self._why_not(patch, change, blobs) for change in patch.changes)), None)

    def may_be_there(self, patch: Patch, files: Files) -> bool:
        """False where `files` cannot hold already what `patch` makes of them."""
        blobs = {path: blob for path, _, blob in files}
        for change in patch.changes:
            if (change.new is not None) != (change.path in blobs):
                return False
            if self._first_without(change, blobs, _after) is not None:
                return False
        return True

    def _why_not(self, patch: Patch, change: FileChange, blobs: Mapping[str, str]) -> str | None:
        if change.old is None:
            return f"{change.path}: already exists" if change.path in blobs else None
        if change.path not in blobs:
            return f"{change.path}: does not exist"
        hunk = self._first_without(change, blobs, _before)
        return place_of(patch, change.path, hunk.start) if hunk else None

    def _first_without(self, change: FileChange, blobs: Mapping[str, str], lines: Lines) -> Hunk | None:
        """The first hunk that has a line which the file has not."""
        known = self._found.get(blobs.get(change.path, ""))
        if known is None:
            return None
        return next((hunk for hunk in change.hunks if not known.issuperset(lines(hunk))), None)


def _before(hunk: Hunk) -> list[str]:
    return [_plain(line) for line in hunk.before]


def _after(hunk: Hunk) -> list[str]:
    return [_plain(line[1:]) for line in hunk.lines if line[:1] in (" ", "+", "")]


def _plain(line: str) -> str:
    return line.removesuffix("\r")  # patches are read without it
