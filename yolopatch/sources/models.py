"""What the sources room takes and gives: where a tree can be had, and a pristine tree."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from yolopatch.errors import EnvironmentFailed

Kind = Literal["git", "pypi"]
Origin = Literal["auto", "git", "pypi"]

FILE_MODE = "100644"
EXECUTABLE_MODE = "100755"


@dataclass(frozen=True)
class Entry:
    """One file of a tree: its path, git's mode ('100644' or '100755') and its git blob id."""

    path: str
    mode: str
    blob: str


@dataclass(frozen=True)
class GitSource:
    """A commit, the URLs that may serve it (tried in order) and the rules of the sparse tree.

    Rules are read in order and the last that matches a path decides, as in `.gitignore`: a file,
    a folder that ends in '/', '*' within one name, a leading '!' leaves out.
    """

    urls: tuple[str, ...]
    commit: str
    sparse: tuple[str, ...]

    @property
    def title(self) -> str:
        """For people: `ultralytics/yolov5 915bbf294bb7`."""
        name = self.urls[0].rstrip("/").removesuffix(".git") if self.urls else "?"
        return f"{'/'.join(name.replace(':', '/').split('/')[-2:])} {self.commit[:12]}"


@dataclass(frozen=True)
class PypiSource:
    """A published archive, the rules that lay it out, and the files of the git pin it stands for."""

    project: str
    version: str
    file: str
    sha256: str
    moves: tuple[tuple[str, str], ...]
    rewrites: tuple[tuple[str, str, str], ...] = ()
    reference: tuple[Entry, ...] = ()

    @property
    def title(self) -> str:
        """For people: `yolov5 7.0.14`."""
        return f"{self.project} {self.version}"


@dataclass(frozen=True)
class Provenance:
    """Where a tree came from. `url` and `received` are facts of one fetch, no part of identity."""

    kind: Kind
    title: str
    commit: str | None = None
    sha256: str | None = None
    project: str | None = None
    version: str | None = None
    file: str | None = None
    url: str | None = None
    received: int = 0
    """Bytes that came over the wire (the packs, or the archive)."""
    date: str | None = None
    """A git commit's, of its committer, YYYY-MM-DD in UTC."""


@dataclass(frozen=True)
class Comparison:
    """A tree beside the files of the git pin that it stands for, blob for blob."""

    identical: int
    different: tuple[str, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many files the git pin has."""
        return self.identical + len(self.different) + len(self.missing)

    @property
    def summary(self) -> str:
        """For people: `85 of 115 files are those of the pin`."""
        return f"{self.identical} of {self.total} files are those of the pin"


@dataclass(frozen=True)
class Tree:
    """A pristine tree whose every byte has been checked; `entries` are sorted by path."""

    key: str
    folder: Path
    """The files' folder in the cache; for people, since `copy_to` uses the checked bytes."""
    entries: tuple[Entry, ...]
    provenance: Provenance
    contents: Mapping[str, bytes] = field(repr=False)
    cached: bool = False
    """Whether it was in the cache before."""
    comparison: Comparison | None = None
    """For a package: how it differs from the git pin, when its files are known."""

    def read(self, path: str) -> bytes:
        """The content of one file; `KeyError` when there is none."""
        return self.contents[path]

    def copy_to(self, dest: Path) -> None:
        """Write the files below `dest`, which is made when absent. Raises `EnvironmentFailed`."""
        try:
            write_files(dest, self.entries, self.contents)
        except OSError as error:
            raise EnvironmentFailed(f"cannot write to '{dest}': {error.strerror or error}") from error


def blob_id(data: bytes) -> str:
    """Git's id of a blob (SHA-1, 40 hexadecimal digits)."""
    digest = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    digest.update(data)
    return digest.hexdigest()


def write_files(folder: Path, entries: tuple[Entry, ...], contents: Mapping[str, bytes]) -> None:
    """Write the entries below `folder`; `OSError` is the caller's to explain."""
    folder.mkdir(parents=True, exist_ok=True)
    for parent in sorted({entry.path.rpartition("/")[0] for entry in entries}):
        (folder / parent).mkdir(parents=True, exist_ok=True)
    for entry in entries:
        target = folder / entry.path
        target.write_bytes(contents[entry.path])
        target.chmod(0o755 if entry.mode == EXECUTABLE_MODE else 0o644)
