"""One commit and its patch file: what the file holds after an export, and how that is called."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

from yolopatch.errors import RequestError
from yolopatch.series.export import Desk, context_of
from yolopatch.series.history import Commit
from yolopatch.series.matching import Known
from yolopatch.series.patchfile import parse_patch

UNCHANGED, CHANGED, NEW, GONE = STATES = ("unchanged", "changed", "new", "gone")


@dataclass(frozen=True)
class Line:
    """What became of one patch."""

    name: str
    state: str
    file: Path
    commit: Commit | None = None
    advice: tuple[str, ...] = ()
    """What the user has to do, or to know."""
    used_by: tuple[str, ...] = ()
    """Other pins that have this patch."""


@dataclass
class Writing:
    """An export that is being computed: its lines, and the bytes of each file, in the order of writing."""

    lines: list[Line] = field(default_factory=list)
    files: dict[Path, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def export_commit(desk: Desk, commit: Commit, target: Path, source: Path | None = None) -> tuple[str, bytes]:
    """The state of the patch file `target` and the bytes that it gets.

    A file that gives the commit already is kept byte for byte: `target`, or else `source`, the file
    that apply read. Offsets, context and blob ids differ from pin to pin; they are no change.

    Raises:
        RequestError: no proper patch can be made of the commit.
    """
    present = read(target)
    original = read(source) if source else None
    if present is not None and desk.gives(present, commit):
        return UNCHANGED, present
    if original is not None and desk.gives(original, commit):
        return (UNCHANGED if present is None else CHANGED), original
    old = original if present is None else present
    return (NEW if old is None else CHANGED), desk.checked_patch(commit, _context(old))


def known(desk: Desk, kind: str, name: str, made: Commit | None, file: Path | None, *, by_place: bool = True) -> Known:
    """A patch as the search for its commit wants it."""
    data = read(file) if file else None
    try:
        patch = parse_patch(data, Path(name)) if data is not None else None
    except RequestError:
        patch = None
    if patch is None or data is None:
        return Known(kind, name, made, by_place=by_place)
    paths = frozenset(change.path for change in patch.changes)
    return Known(kind, name, made, desk.subject_of(data), paths, by_place)


def read(file: Path) -> bytes | None:
    """The bytes of a file; None where there is none."""
    return file.read_bytes() if file.is_file() else None


def new_name(folder: str, subject: str, taken: Container[str]) -> str:
    """A name for the patch of a new commit, in `folder`, that is not taken."""
    name = stem = f"{folder}/{slug(subject)}" if folder else slug(subject)
    number = 1
    while name in taken:
        number += 1
        name = f"{stem}-{number}"
    return name


def slug(subject: str) -> str:
    """A file name of lower-case ASCII words for a subject."""
    plain = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain.replace("'", "")).strip("-")
    # Of a subject in another script nothing is left that tells it from others.
    return words[:60].rstrip("-") if words else f"patch-{hashlib.sha256(subject.encode()).hexdigest()[:8]}"


def _context(data: bytes | None) -> int:
    try:
        return context_of(parse_patch(data, Path("patch")) if data is not None else None)
    except RequestError:
        return context_of(None)
