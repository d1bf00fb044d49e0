"""A series of the user's own: their commits on top of what apply made, in a folder of theirs."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from yolopatch.catalog import Pin, Upstream
from yolopatch.catalog.models import Name
from yolopatch.catalog.own import FILE, OwnFile, OwnFolder, OwnSeries, refuse_our_name
from yolopatch.errors import RequestError
from yolopatch.paths import safe_tree_path
from yolopatch.series.export import Desk
from yolopatch.series.matching import Known
from yolopatch.workflows.commits import OWN, Opened, Sorted
from yolopatch.workflows.export_ours import refuse_alike
from yolopatch.workflows.patch_files import GONE, Line, Writing, export_commit, known, new_name, read


def refuse_name(series: str, upstream: Upstream) -> None:
    """Raise `RequestError` where a series of the user's cannot be called so."""
    try:
        TypeAdapter(Name).validate_python(series)
        safe_tree_path(series)
    except (ValidationError, RequestError) as error:
        raise RequestError(f"--series '{series}' is no plain name; use letters, digits, '-' and '_'") from error
    if series.casefold() == FILE:
        raise RequestError(f"--series '{series}' is what the list of series is called; choose another name")
    refuse_our_name(series, upstream, "--series")


def known_own(desk: Desk, opened: Opened, folder: OwnFolder | None, series: str | None) -> list[Known]:
    """The user's patches that apply made commits of, and those that the folder's series names."""
    content = _present(folder)
    file = folder.patch if folder is not None else lambda _: None
    made = [known(desk, OWN, name, commit, file(name)) for name, commit in opened.own.items()]
    if folder is None or content is None or series is None:
        return made
    present = content.series_called(series)
    later = [name for name in (present.patches if present else ()) if name not in opened.own]
    return made + [known(desk, OWN, name, None, folder.patch(name)) for name in later]


def plan_own(
    folder: OwnFolder, name: str, upstream: Upstream, pin: Pin, opened: Opened, parts: Sorted, desk: Desk
) -> Writing:
    """What an export of the user's series writes and says.

    Raises:
        RequestError: there are no commits, no proper patch can be made of one, or the folder's
            series of that name is another one.
    """
    content = _present(folder)
    present = content.series_called(name) if content else None
    others = {patch for one in (content.series if content else ()) if one.name != name for patch in one.patches}
    mine = {
        commit.id: patch
        for patch, commit in parts.own.items()
        if patch not in others and ((present and patch in present.patches) or patch.startswith(f"{name}/"))
    }
    if present and present.patches and not mine and not {*present.patches} & {*opened.own}:
        raise RequestError(
            f"{folder.file}: series {name} holds patches that are not in this workspace; apply with --patches "
            f"{folder.root} first, or choose another name"
        )
    refuse_alike(parts.on_top)
    commits = [one for one in opened.commits if one.id in mine or one in parts.on_top]
    if not commits:
        raise RequestError(f"{opened.workspace}: no commits of yours for series {name}; git commit them on top first")
    taken = {*opened.own, *(present.patches if present else ()), *others}
    trailers = {"Kind": "ours", "Applies-to": pin.name, "License": pin.licence or upstream.licence}
    writing = Writing()
    patches = []
    for commit in commits:
        patch = mine.get(commit.id) or new_name(name, commit.subject, taken)
        taken.add(patch)
        target = folder.patch(patch)
        state, data = export_commit(desk, desk.with_trailers(commit, trailers), target)
        writing.lines.append(Line(patch, state, target, commit))
        writing.files[target] = data
        patches.append(patch)
    advice = f"{upstream.yolo}/{FILE} names it no more; the file is left"
    gone = [patch for patch in (present.patches if present else ()) if patch not in patches]
    writing.lines += [Line(patch, GONE, folder.patch(patch), None, (advice,)) for patch in gone]
    applies_to = present.applies_to if present else pin.name
    _write_list(folder, content, OwnSeries(name=name, applies_to=applies_to, patches=tuple(patches)), writing)
    left = [patch for patch, commit in parts.own.items() if commit.id not in mine]
    if left:
        writing.notes.append(f"left to their own series: {', '.join(left)}")
    return writing


def _write_list(folder: OwnFolder, content: OwnFile | None, series: OwnSeries, writing: Writing) -> None:
    """The list comes last: until it stands, apply reads the series as it was."""
    new = content.with_series(series) if content else OwnFile(series=(series,))
    bytes_present = read(folder.file)
    writing.files[folder.file] = (
        bytes_present if new == content and bytes_present is not None else new.to_text().encode()
    )


def _present(folder: OwnFolder | None) -> OwnFile | None:
    return folder.read() if folder is not None and folder.file.is_file() else None
