"""`yolopatch.lock`: what a workspace was made from. No paths, no times: equal inputs give equal locks."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from yolopatch.errors import RequestError

LOCK_NAME = "yolopatch.lock"
REFRESHING = "yolopatch-refresh.json"
"""Stands in the .git of a folder that a refresh works in."""
FORMAT = 1


class LockedFile(BaseModel):
    """A patch or template that went in, by name and content."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: str


def locked_file(file: Path, root: Path) -> LockedFile:
    """The entry of `file`, named relative to `root`."""
    return LockedFile(name=file.relative_to(root).as_posix(), sha256=hashlib.sha256(file.read_bytes()).hexdigest())


class Source(BaseModel):
    """The origin of the pristine tree, and how near it is to the pin's commit."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Literal["git", "pypi"]
    commit: str | None
    """The pin's upstream commit."""
    archive: str | None = None
    archive_sha256: str | None = None
    identical_files: int | None = None
    """Files that are blob for blob those of the pin (pypi origin)."""
    different: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


class Inputs(BaseModel):
    """All that decides what `apply` makes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    yolopatch: str
    yolo: str
    pin: str
    like: str | None = None
    """The verified pin whose peculiarities are assumed, where `pin` is none of those."""
    source: Source
    variant: str
    head: str
    classes: int
    options: dict[str, Any] = {}
    """Of RevCol's row, beside the variant's own."""
    patches: tuple[LockedFile, ...]
    templates: tuple[LockedFile, ...]
    payload_sha256: str | None
    own_patches: tuple[LockedFile, ...] = ()
    """Of the user's folders, applied last; their names are relative to their folder."""


class Lock(BaseModel):
    """The whole lock: the inputs and what they gave."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    inputs: Inputs
    base: str
    """Commit of the pristine tree."""
    commit: str
    """The last commit that yolopatch made."""
    tree: str
    configs: dict[str, str]
    """Model YAML of each form, relative to the workspace."""

    def to_text(self) -> str:
        """The file's text: JSON with sorted keys and a final newline."""
        return json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_lock(workspace: Path) -> Lock:
    """The lock of a workspace.

    Raises:
        RequestError: `workspace` is no folder, has no lock, or its lock is damaged.
    """
    if not workspace.is_dir():
        raise RequestError(f"{workspace}: no such folder; make a workspace with yolopatch apply")
    if (workspace / ".git" / REFRESHING).is_file():
        raise RequestError(
            f"{workspace}: a refresh is under way here; yolopatch refresh goes on (--continue) or --abort"
        )
    file = workspace / LOCK_NAME
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RequestError(f"{workspace}: not a workspace (no {LOCK_NAME}); make one with yolopatch apply") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{file}: cannot be read: {error}") from error
    try:
        return Lock.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top)"
        raise RequestError(f"{file}: damaged at {key}: {first['msg']}; apply again with --force") from error
