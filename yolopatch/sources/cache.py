"""The cache: pristine trees and downloaded archives, locked, atomic, checked on every use.

<cache>/trees/<key>/manifest.json    what the tree is, with a checksum of itself
<cache>/trees/<key>/files/...        the files
<cache>/downloads/<sha256>/<file>    archives as they were published
<cache>/locks/<key>.lock             held by the process that makes an entry
<cache>/tmp/<name>/, <name>.lock     work in progress; one rename makes it an entry
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import platformdirs
from filelock import FileLock, Timeout

from yolopatch.errors import EnvironmentFailed
from yolopatch.paths import safe_tree_path
from yolopatch.sources.models import EXECUTABLE_MODE, FILE_MODE, Entry, Provenance, Tree, blob_id, write_files

FORMAT = 1
_README = """This folder is the cache of yolopatch: upstream trees and packages that it has fetched and checked.
It may be deleted at any time; `yolopatch cache prune` does it tidily, `yolopatch cache ls` shows what is here.
"""
_CACHEDIR_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of yolopatch.\n"
_NEWBORN_SECONDS = 60  # a folder in tmp/ this young may not have its lock yet

# A link is not followed, and a fifo in a file's place does not hang us; Windows has its own flag.
_OPEN_FLAGS = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
    _OPEN_FLAGS |= getattr(os, _flag, 0)


class DamagedEntryError(Exception):
    """An entry of the cache is not what was put there; the text says in what way."""


class Cache:
    """One folder. Nothing is made before it is needed."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def default(cls) -> Cache:
        """`YOLOPATCH_CACHE`, else the user's cache folder of the platform."""
        chosen = os.environ.get("YOLOPATCH_CACHE")
        root = Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("yolopatch", appauthor=False))
        return cls(root.absolute())

    def contains(self, path: Path) -> bool:
        """Whether a path lies in the cache (or is it)."""
        return path.resolve().is_relative_to(self.root.resolve())

    def tree_folder(self, key: str) -> Path:
        """Where the tree of that key stands, if it is there."""
        return self.root / "trees" / key

    def load(self, key: str) -> Tree | None:
        """The tree of that key with every file read and checked; None when it is absent.

        Needs no lock: the bytes are in memory when this returns. Raises `DamagedEntryError`, or
        `EnvironmentFailed` when the cache cannot be read.
        """
        with self.explained():
            return load_tree(self.tree_folder(key))

    def store(
        self, key: str, entries: tuple[Entry, ...], contents: Mapping[str, bytes], provenance: Provenance, scratch: Path
    ) -> Tree:
        """Write a tree below `scratch` and move it to its place in one step.

        The caller holds the key's lock. Raises `EnvironmentFailed` when there is no room.
        """
        made = scratch / "entry"
        with self.explained():
            write_files(made / "files", entries, contents)
            (made / "manifest.json").write_text(format_manifest(key, entries, provenance), encoding="utf-8")
            place = self.tree_folder(key)
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                place.replace(scratch / "replaced")
            made.replace(place)
        return Tree(key, self.tree_folder(key) / "files", entries, provenance, dict(contents))

    def discard(self, folder: Path) -> None:
        """Take a damaged entry out of the way in one step, then delete it."""
        with self.scratch() as scratch, self.explained(), contextlib.suppress(FileNotFoundError):
            folder.replace(scratch / "discarded")

    @contextmanager
    def locked(self, key: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the lock of a key. `waiting` is called once when another process holds it."""
        self._prepare()
        lock = FileLock(self.root / "locks" / f"{key}.lock")
        with self.explained():
            try:
                lock.acquire(timeout=0)
            except Timeout:
                waiting()
                lock.acquire(timeout=-1)
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A temporary folder in the cache, locked while it is in use and deleted afterwards."""
        self._prepare()
        self.sweep()
        with self.explained():
            folder = Path(tempfile.mkdtemp(prefix="work-", dir=self.root / "tmp"))
            lock = FileLock(folder.with_name(folder.name + ".lock"))
            lock.acquire()
        try:
            yield folder
        finally:
            remove_tree(folder)
            lock.release()
            _unlink(Path(lock.lock_file))

    def sweep(self) -> None:
        """Delete temporary folders whose process has died."""
        with contextlib.suppress(OSError):
            for path in list((self.root / "tmp").iterdir()):
                if time.time() - path.stat().st_mtime > _NEWBORN_SECONDS:
                    _sweep_one(path)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Turn an `OSError` of the cache's disk into one clear line."""
        try:
            yield
        except (OSError, NotImplementedError) as error:
            raise EnvironmentFailed(self._explain(error)) from error

    def _explain(self, error: Exception) -> str:
        way_out = "set YOLOPATCH_CACHE to another folder"
        code = error.errno if isinstance(error, OSError) else None
        if code in (errno.ENOSPC, errno.EDQUOT):
            return f"the disk of the cache '{self.root}' is full; free some space or {way_out}"
        if code in (errno.EROFS, errno.EACCES, errno.EPERM):
            return f"the cache '{self.root}' cannot be written or read ({os.strerror(code)}); {way_out}"
        if code in (errno.ENOTDIR, errno.EEXIST):
            return f"the cache '{self.root}' is not a folder, or holds a file in a folder's place; {way_out}"
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return f"the cache '{self.root}' cannot be used ({reason}); {way_out}"

    def _prepare(self) -> None:
        with self.explained():
            for name in ("locks", "tmp"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            for name, text in (("README", _README), ("CACHEDIR.TAG", _CACHEDIR_TAG)):
                if not (self.root / name).exists():
                    (self.root / name).write_text(text, encoding="utf-8")


def load_tree(folder: Path) -> Tree | None:
    """Read and check one entry. Raises `DamagedEntryError`, and `OSError` when the disk fails."""
    try:
        text = (folder / "manifest.json").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        if folder.exists():
            raise DamagedEntryError("its manifest is missing") from None
        return None
    key, entries, provenance = parse_manifest(text)
    if key != folder.name:
        raise DamagedEntryError(f"its manifest is that of '{key}'")
    files = folder / "files"
    contents = {entry.path: _checked(files, entry) for entry in entries}
    extra = sorted(set(_names_below(files)) - contents.keys()) if files.is_dir() else []
    if extra:
        raise DamagedEntryError(f"'{extra[0]}' does not belong to it")
    with contextlib.suppress(OSError):  # the cache may be read-only; "last used" is a nicety
        os.utime(folder / "manifest.json")
    return Tree(key, files, entries, provenance, contents, cached=True)


def format_manifest(key: str, entries: tuple[Entry, ...], provenance: Provenance) -> str:
    """The manifest's JSON, with its own checksum last."""
    files = [[entry.path, entry.mode, entry.blob] for entry in entries]
    body = {"format": FORMAT, "key": key, "provenance": asdict(provenance), "files": files}
    return json.dumps({**body, "checksum": _checksum(body)}, indent=1) + "\n"


def parse_manifest(text: str) -> tuple[str, tuple[Entry, ...], Provenance]:
    """Key, entries and provenance. Raises `DamagedEntryError` for anything that we did not write."""
    try:
        body = json.loads(text)
        checksum = body.pop("checksum")
        if checksum != _checksum(body) or body["format"] != FORMAT:
            raise DamagedEntryError("its manifest has changed")
        entries = tuple(Entry(safe_tree_path(path), mode, blob) for path, mode, blob in body["files"])
        return str(body["key"]), entries, Provenance(**body["provenance"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedEntryError("its manifest cannot be read") from error


def remove_tree(folder: Path) -> None:
    """Delete a folder as far as it goes; what is left is swept later."""
    shutil.rmtree(folder, ignore_errors=True)


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _checked(files: Path, entry: Entry) -> bytes:
    path = files / entry.path
    try:
        descriptor = os.open(path, _OPEN_FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        raise DamagedEntryError(f"'{entry.path}' is missing") from None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise DamagedEntryError(f"'{entry.path}' is a link") from None
        raise
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise DamagedEntryError(f"'{entry.path}' is not a file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read()
    if blob_id(data) != entry.blob:
        raise DamagedEntryError(f"'{entry.path}' has changed")
    if os.name == "posix" and (EXECUTABLE_MODE if mode & 0o100 else FILE_MODE) != entry.mode:
        raise DamagedEntryError(f"'{entry.path}' has another mode")
    return data


def _names_below(folder: Path, prefix: str = "") -> Iterator[str]:
    with os.scandir(folder) as found:
        for item in found:
            if item.is_dir(follow_symlinks=False):
                yield from _names_below(Path(item.path), f"{prefix}{item.name}/")
            else:
                yield prefix + item.name


def _sweep_one(path: Path) -> None:
    lock_file = path if path.suffix == ".lock" else path.with_name(path.name + ".lock")
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return  # its process is alive
    remove_tree(lock_file.with_suffix(""))
    lock.release()
    _unlink(lock_file)


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
