"""A lab's own series: `FOLDER/<yolo>/series.yaml` and the patches that it names, typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, model_validator

from yolopatch.catalog.models import Model, Name, TreePath, Upstream
from yolopatch.catalog.yaml_file import load_model
from yolopatch.errors import RequestError

FILE = "series.yaml"
_HEAD = "# The order in which yolopatch apply --patches takes the series and their patches.\n"


class OwnSeries(Model):
    """An ordered list of patches, each a path below `FOLDER/<yolo>` without `.patch`."""

    name: Name
    applies_to: str
    patches: tuple[TreePath, ...]


class OwnFile(Model):
    """`FOLDER/<yolo>/series.yaml`. Its series are applied in its order."""

    series: tuple[OwnSeries, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_stand_once(self) -> OwnFile:
        names = [one.name for one in self.series]
        patches = [name for one in self.series for name in one.patches]
        for what, listed in (("series", names), ("patch", patches)):
            twice = sorted({name for name in listed if listed.count(name) > 1})
            if twice:
                raise ValueError(f"the {what} '{twice[0]}' stands twice")
        return self

    def series_called(self, name: str) -> OwnSeries | None:
        """The series called `name`, where there is one."""
        return next((one for one in self.series if one.name == name), None)

    def with_series(self, new: OwnSeries) -> OwnFile:
        """The same with `new` in the place of the series of that name, or at the end."""
        kept = [new if one.name == new.name else one for one in self.series]
        return OwnFile(series=tuple(kept if new in kept else [*kept, new]))

    def to_text(self) -> str:
        """The file's text."""
        data = self.model_dump(mode="json")
        return _HEAD + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)


@dataclass(frozen=True)
class OwnFolder:
    """The folder of a lab's patches, seen for one YOLO."""

    root: Path
    yolo: str

    @property
    def file(self) -> Path:
        """The list of series."""
        return self.root / self.yolo / FILE

    def read(self) -> OwnFile:
        """The series.

        Raises:
            RequestError: the file is missing, wrong, or a link that leads out of the folder.
        """
        refuse_outside(self.root, self.file)
        return load_model(self.file, OwnFile)

    def patch(self, name: str) -> Path:
        """The file of the patch called `name`.

        Raises:
            RequestError: links lead out of the YOLO's folder.
        """
        path = self.root / self.yolo / f"{name}.patch"
        refuse_outside(self.root, self.root / self.yolo)
        refuse_outside(self.root / self.yolo, path)
        return path


def own_folder(root: Path, upstream: Upstream) -> tuple[OwnFolder, OwnFile]:
    """A lab's folder that holds patches for `upstream`, and its series.

    Raises:
        RequestError: it is none, has nothing for this YOLO, or calls a series as one of ours.
    """
    if not root.is_dir():
        raise RequestError(f"--patches {root}: {'not a folder' if root.exists() else 'no such folder'}")
    folder = OwnFolder(root, upstream.yolo)
    if not folder.file.is_file():
        raise RequestError(
            f"--patches {root} has no patches for {upstream.yolo} (no {upstream.yolo}/{FILE}); "
            f"yolopatch export DIR --series NAME --to {root} writes them"
        )
    content = folder.read()
    for series in content.series:
        refuse_our_name(series.name, upstream, str(folder.file))
    for name in (name for series in content.series for name in series.patches):
        if not folder.patch(name).is_file():
            raise RequestError(f"{folder.patch(name)}: {upstream.yolo}/{FILE} names this patch; it is missing")
    return folder, content


def refuse_our_name(name: str, upstream: Upstream, where: str) -> None:
    """Raise `RequestError` where a lab's series is called as one of ours, or as a folder of our patches."""
    ours = {series.name for series in upstream.series}
    folders = {patch.split("/")[0] for series in upstream.series for patch in series.patches}
    if name in ours | folders:
        raise RequestError(
            f"{where}: a series of yolopatch for {upstream.yolo} is called '{name}'; choose another name"
        )


def refuse_outside(root: Path, path: Path) -> None:
    """Raise `RequestError` where a link leads from below `root` to a place that is not."""
    if not path.resolve().is_relative_to(root.resolve()):
        raise RequestError(f"{path} leads out of {root} by a symbolic link; put the file itself there")
