"""Our patches: which there may be, what their files get, and what upstream.yaml has to say of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from yolopatch.catalog import Catalog, Pin, Series, Upstream
from yolopatch.errors import RequestError
from yolopatch.series.export import Desk
from yolopatch.series.history import Commit
from yolopatch.series.matching import Known
from yolopatch.workflows.commits import OURS, Opened, Sorted
from yolopatch.workflows.contents import kinds_of
from yolopatch.workflows.patch_files import CHANGED, GONE, NEW, Line, Writing, export_commit, known, new_name, read


@dataclass(frozen=True)
class Ours:
    """The patches of one workspace, as the catalog knows them now."""

    catalog: Catalog
    upstream: Upstream
    opened: Opened
    folder: Path

    @cached_property
    def pin(self) -> Pin:
        """The pin of the workspace."""
        return self.catalog.pin_like(self.upstream, self.opened.lock.inputs.pin, self.opened.lock.inputs.like)

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """The series that apply would take for the workspace now."""
        inputs = self.opened.lock.inputs
        kinds = kinds_of(stock=inputs.payload_sha256 is None)
        return self.catalog.series(self.upstream, self.pin, inputs.source.origin, kinds)

    @cached_property
    def listed(self) -> tuple[str, ...]:
        """The patches of these series, in order."""
        if self.opened.lock.inputs.like is not None:  # a choice out of all series
            return tuple(self.opened.ours)
        return tuple(name for series in self.series for name in series.patches)

    def target(self, name: str) -> Path:
        """The file that is written."""
        return self.folder / self.upstream.yolo / f"{name}.patch"

    def source(self, name: str) -> Path:
        """The file that apply reads."""
        return self.catalog.patches / self.upstream.yolo / f"{name}.patch"

    def file(self, name: str) -> Path:
        """The file that is written where it is there, else the one that apply reads."""
        return self.target(name) if self.target(name).is_file() else self.source(name)

    def known(self, desk: Desk) -> list[Known]:
        """The patches that apply made commits of, and those that were named in upstream.yaml since."""
        made = [known(desk, OURS, name, commit, self.file(name)) for name, commit in self.opened.ours.items()]
        later = [name for name in self.listed if name not in self.opened.ours]
        return made + [known(desk, OURS, name, None, self.file(name), by_place=False) for name in later]

    def series_with(self, name: str) -> Series | None:
        """The series of the workspace that names the patch."""
        return next((series for series in self.series if name in series.patches), None)

    def used_by(self, name: str) -> tuple[str, ...]:
        """Other pins that have the patch."""
        having = {series.name for series in self.upstream.series if name in series.patches}
        pins = [pin for pin in self.upstream.pins if pin.name != self.pin.name]
        return tuple(pin.name for pin in pins if having & {*pin.series, *_pypi_series(pin)})


def plan_ours(ours: Ours, parts: Sorted, desk: Desk) -> Writing:
    """What an export of our patches writes and says.

    Raises:
        RequestError: no proper patch can be made of a commit, or a new one's name is taken.
    """
    writing = Writing()
    names = {commit.id: name for name, commit in parts.ours.items()}
    names |= _name_added(ours, parts, desk)
    before: str | None = None
    series = ours.series[0] if ours.series else None
    for commit in (commit for commit in ours.opened.commits if commit.id in names):
        name = names[commit.id]
        line, data = _line(ours, desk, name, commit)
        if line.state == NEW:
            line = replace(line, advice=(_to_add(ours, name, before, series),))
        writing.lines.append(line)
        writing.files[line.file] = data
        before, series = name, ours.series_with(name) or series
    writing.lines += [_gone(ours, name) for name in ours.opened.ours if name not in parts.ours]
    writing.notes += _order(ours, [name for name in names_in_order(ours.opened.commits, names) if name in ours.listed])
    return writing


def names_in_order(commits: Sequence[Commit], names: dict[str, str]) -> list[str]:
    """The names of those commits that have one."""
    return [names[commit.id] for commit in commits if commit.id in names]


def _line(ours: Ours, desk: Desk, name: str, commit: Commit) -> tuple[Line, bytes]:
    target = ours.target(name)
    state, data = export_commit(desk, commit, target, ours.source(name))
    made = ours.opened.ours.get(name)
    if made is None and name not in ours.listed:
        return Line(name, NEW, target, commit), data
    advice: tuple[str, ...] = ()
    used_by: tuple[str, ...] = ()
    if state == CHANGED:
        used_by = ours.used_by(name)
        if made is not None and data != read(ours.source(name)) and desk.same_change(commit, made):
            advice += ("the commit is as apply made it: what was changed in the file since is undone",)
        if used_by:
            yolo = ours.upstream.yolo
            advice += (
                f"also used by pins {', '.join(used_by)}; yolopatch validate --yolo {yolo} --pins all checks them",
            )
    return Line(name, state, target, commit, advice, used_by), data


def _name_added(ours: Ours, parts: Sorted, desk: Desk) -> dict[str, str]:
    """Names for the new commits among ours: the folder of the patch before, and the subject."""
    names: dict[str, str] = {}
    taken = {*ours.opened.ours, *parts.ours}
    name_of = {commit.id: name for name, commit in parts.ours.items()}
    before = next(iter(parts.ours), next(iter(ours.listed), ""))
    refuse_alike(parts.added)
    new = {commit.id for commit in parts.added}
    for commit in ours.opened.commits:
        before = name_of.get(commit.id, before)
        if commit.id not in new:
            continue
        before = names[commit.id] = new_name(before.rpartition("/")[0], commit.subject, taken)
        taken.add(before)
        _refuse_taken(ours, before, commit, desk)
    return names


def _refuse_taken(ours: Ours, name: str, commit: Commit, desk: Desk) -> None:
    """Raise `RequestError` where another pin's patch, which says something else, has the name."""
    data = read(ours.file(name))
    if data is not None and any(name in one.patches for one in ours.upstream.series) and not desk.gives(data, commit):
        raise RequestError(f"commit {commit.shown}: {name} is a patch of other pins already; reword the subject")


def refuse_alike(commits: Sequence[Commit]) -> None:
    """Raise `RequestError` where new commits have one subject."""
    subjects: dict[str, Commit] = {}
    for commit in commits:
        other = subjects.setdefault(commit.subject, commit)
        if other is not commit:
            raise RequestError(
                f"commits {other.id[:7]} and {commit.id[:7]} have the same subject '{commit.subject}' "
                "and cannot be told apart; reword one"
            )


def _to_add(ours: Ours, name: str, before: str | None, series: Series | None) -> str:
    place = f"below '- {before}'" if before else "as its first patch"
    which = f"series {series.name}" if series else "a series of the pin"
    return f"add '- {name}' to {which} of {ours.upstream.yolo}/upstream.yaml, {place}"


def _gone(ours: Ours, name: str) -> Line:
    series = ours.series_with(name)
    advice = "the file is left"
    if series is not None:
        advice += f"; series {series.name} of {ours.upstream.yolo}/upstream.yaml must drop '- {name}'"
    return Line(name, GONE, ours.target(name), None, (advice,))


def _order(ours: Ours, names: list[str]) -> list[str]:
    """What upstream.yaml has to say where the commits stand in another order than it names them."""
    listed = [name for name in ours.listed if name in names]
    if listed == names:
        return []
    return [
        f"the commits stand in another order than {ours.upstream.yolo}/upstream.yaml names them; "
        f"it has to be: {', '.join(names)}"
    ]


def _pypi_series(pin: Pin) -> tuple[str, ...]:
    package = pin.origins.pypi
    return (package.series or ()) if package else ()
