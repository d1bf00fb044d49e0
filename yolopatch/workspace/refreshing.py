"""How far a refresh came: a small file in the .git of the folder that it works in, written anew before each step."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from yolopatch.errors import RequestError
from yolopatch.workspace.files import write_files
from yolopatch.workspace.lock import REFRESHING


class Archive(BaseModel):
    """An archive of the package registry."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: str
    version: str
    file: str
    sha256: str
    layout: str


class Refreshing(BaseModel):
    """A refresh that is under way."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    yolo: str
    source: str
    """The pin whose patches are carried."""
    name: str
    """What the new pin is to be called."""
    commit: str | None = None
    archive: Archive | None = None
    """What the patches are carried to: one of the two."""
    date: str
    remote: str | None
    series: tuple[str, ...]
    """Those of the source pin whose patches are carried, in order."""
    old: str
    """Commit of the source pin's tree in the folder."""
    new: str
    """Commit of the new tree."""
    patches: tuple[tuple[str, str], ...]
    """Name of each patch and its commit on the old tree, in order."""
    at: int = 0
    """Which patch is being carried."""
    before: str
    """HEAD before that."""
    dropped: tuple[str, ...] = ()
    """Patches whose change upstream has."""
    skipped: tuple[str, ...] = ()
    """Patches that the user left out."""
    fitting: dict[str, str] = {}
    """By the name of a patch what applies as it is: the patch itself, or one of another series."""

    @property
    def origin(self) -> str:
        """Where the tree is that the patches are carried to."""
        return "pypi" if self.archive else "git"

    @property
    def shown(self) -> str:
        """How messages call that tree."""
        return self.archive.file if self.archive else str(self.commit)[:12]

    def write(self, folder: Path) -> None:
        """Write it to `folder`, whole or not at all."""
        write_files({folder / ".git" / REFRESHING: self.model_dump_json(indent=1).encode()})


def read_refreshing(folder: Path) -> Refreshing | None:
    """What is under way in `folder`; None where nothing is.

    Raises:
        RequestError: its file is damaged.
    """
    path = folder / ".git" / REFRESHING
    if not path.is_file():
        return None
    try:
        return Refreshing.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, OSError, UnicodeDecodeError) as error:
        raise RequestError(f"{path} is damaged; remove {folder} and refresh anew") from error
