"""Which paths may be written into a tree; archives, git trees and patches keep the same rules."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from yolopatch.errors import RequestError

# Characters that HFS+ leaves out when it compares names, so that ".g\u200cit" is ".git" there.
_HFS_IGNORABLE = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_DRIVE = re.compile(r"^[A-Za-z]:")
_SHORT_GIT_NAME = re.compile(r"^git~[0-9]+$")  # what NTFS calls .git in the 8.3 form
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def safe_tree_path(path: str) -> str:
    """The path itself, when it may be written below a tree's top.

    Raises `RequestError` that names the path and the reason.
    """
    reason = _why_not(path)
    if reason is not None:
        raise RequestError(f"refused path {_shown(path)}: {reason}")
    return path


def collision_key(path: str) -> str:
    """Equal for two paths that are one file on a file system that folds case or normalises."""
    return unicodedata.normalize("NFC", _HFS_IGNORABLE.sub("", unicodedata.normalize("NFC", path).casefold()))


def refuse_collisions(paths: Iterable[str]) -> None:
    """Raise `RequestError` when two paths are one file somewhere, or a file is also a folder."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for path in paths:
        key = collision_key(path)
        if key in files:
            raise RequestError(
                f"refused path {_shown(path)}: it is the same file as {_shown(files[key])} on some systems"
            )
        files[key] = path
        parts = path.split("/")
        for depth in range(1, len(parts)):
            folder = "/".join(parts[:depth])
            other = folders.setdefault(collision_key(folder), folder)
            if other != folder:
                raise RequestError(
                    f"refused path {_shown(path)}: its folder is the same as {_shown(other)} on some systems"
                )
    for key, path in files.items():
        if key in folders:
            raise RequestError(f"refused path {_shown(path)}: it is both a file and a folder")


def _why_not(path: str) -> str | None:
    if not path:
        return "it is empty"
    if _CONTROL.search(path):
        return "it holds a control character"
    if any("\ud800" <= char <= "\udfff" for char in path):
        return "it is not valid UTF-8"
    if "\\" in path:
        return "it holds a backslash"
    if path.startswith("/"):
        return "it is absolute"
    if _DRIVE.match(path):
        return "it starts with a drive letter"
    if ":" in path:
        return "it holds a colon"
    for name in path.split("/"):
        reason = _why_not_name(name)
        if reason is not None:
            return reason
    return None


def _why_not_name(name: str) -> str | None:
    if name == "":
        return "it has an empty component"
    if name in (".", ".."):
        return f"it has the component '{name}'"
    if len(name.encode("utf-8")) > 255:
        return "a component is longer than 255 bytes"
    plain = _HFS_IGNORABLE.sub("", unicodedata.normalize("NFKC", name)).rstrip(". ")
    if plain.casefold() == ".git" or plain.upper() == ".GIT" or _SHORT_GIT_NAME.match(plain.casefold()):
        return "it reaches into .git"
    if plain in ("", ".", "..") or "/" in plain or "\\" in plain:
        return "a component stands for another place after normalisation"
    if name[-1] in ". ":
        return "a component ends with a dot or a space"
    return None


def _shown(path: str) -> str:
    return repr(path if len(path) <= 120 else path[:117] + "...")


def shown(path: Path) -> str:
    """A path as a person would type it: relative where it is below the present folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
