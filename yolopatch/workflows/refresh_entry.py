"""What a refresh leaves: patch files with new context, and the entries of upstream.yaml that name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import yaml

from yolopatch.catalog import Catalog, Pin, Series, Upstream
from yolopatch.errors import RequestError
from yolopatch.series.export import Desk, context_of
from yolopatch.series.history import Commit
from yolopatch.series.patchfile import read_patch

_PECULIAR = ("licence", "lacks_stock_heads", "lacks_stock_sizes", "lacks_options", "lacks_words", "first_category")


@dataclass(frozen=True)
class Entry:
    """All that is new."""

    files: dict[str, bytes]
    """New patch files by name (`compat-8.3.50/np-trapz`)."""
    kept: tuple[str, ...]
    """Patches that do as they are."""
    stand_ins: dict[str, str]
    """Patches of other series that do as they are, by the patch that they take the place of."""
    series: str
    """The new series as YAML; empty where there is none."""
    pin: str
    """The new pin as YAML."""


def make_entry(
    catalog: Catalog,
    upstream: Upstream,
    source: Pin,
    new: Pin,
    series: Sequence[str],
    commits: Mapping[str, Commit],
    fitting: Mapping[str, str],
    desk: Desk,
) -> Entry:
    """What the refreshed `commits` (by the name of their patch) make of `series`, those of `source`.

    `fitting` says of which patch a commit was made, where that is another series'.

    Raises:
        RequestError: no proper patch can be made of a commit.
    """
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    for name, commit in commits.items():
        used = fitting.get(name, name)
        file = catalog.patches / upstream.yolo / f"{used}.patch"
        if desk.gives(file.read_bytes(), commit, merge=False):
            names[name] = used
            continue
        names[name] = f"{_folder(name)}-{new.name}/{PurePosixPath(name).name}"
        data = desk.checked_patch(commit, context_of(read_patch(file)))
        files[names[name]] = _for(data, read_patch(file).applies_to, new.name)
    by_name = {series.name: series for series in upstream.series}
    blocks: list[str] = []
    listed: list[str] = []
    for one in (by_name[name] for name in series):
        mine = [names[name] for name in one.patches if name in names]
        same = next((other.name for other in (one, *upstream.series) if _is(other, one.kind, mine)), None)
        if same is not None:
            listed.append(same)
        elif mine:
            made = _free_name(upstream, f"{one.kind}-{new.name}", listed)
            listed.append(made)
            optional = [names[name] for name in one.optional if name in names]
            blocks.append(_series_text(made, one, new.name, mine, optional))
    kept = tuple(name for name, now in names.items() if name == now)
    others = {name: now for name, now in names.items() if name != now and now not in files}
    return Entry(files, kept, others, "\n".join(blocks), _pin_text(source, new, listed))


def with_entry(text: str, entry: Entry) -> str:
    """The text of upstream.yaml with the entry in it: series at the end of theirs, the pin before the others.

    Raises:
        RequestError: the file has no line 'pins:'.
    """
    head, line, pins = text.partition("\npins:\n")
    if not line:
        raise RequestError("upstream.yaml has no line 'pins:'; add the entry by hand")
    series = f"\n{entry.series}" if entry.series else ""
    return f"{head.rstrip()}\n{series}{line}{entry.pin}\n{pins.lstrip(chr(10))}"


def _is(series: Series, kind: str, patches: Sequence[str]) -> bool:
    return series.kind == kind and list(series.patches) == list(patches)


def _folder(name: str) -> str:
    return str(PurePosixPath(name).parent).partition("-")[0]


def _for(data: bytes, applies_to: str, name: str) -> bytes:
    return data.replace(f"\nApplies-to: {applies_to}\n".encode(), f"\nApplies-to: {name}\n".encode(), 1)


def _free_name(upstream: Upstream, name: str, made: Sequence[str]) -> str:
    taken = {series.name for series in upstream.series} | set(made)
    return next(one for one in (_numbered(name, number) for number in range(1, 1000)) if one not in taken)


def _numbered(name: str, number: int) -> str:
    return name if number == 1 else f"{name}-{number}"


def _series_text(name: str, like: Series, applies_to: str, patches: Sequence[str], optional: Sequence[str]) -> str:
    lines = [f"  - name: {name}", f"    kind: {like.kind}", f"    applies_to: {_quoted(applies_to)}", "    patches:"]
    lines += [f"      - {patch}" for patch in patches]
    if optional:
        lines.append(f"    optional: [{', '.join(optional)}]")
    return "\n".join(lines) + "\n"


def _pin_text(source: Pin, new: Pin, series: Sequence[str]) -> str:
    lines = [f"  - name: {_quoted(new.name)}"]
    lines += [f"    commit: {_quoted(new.commit)}"] if new.commit else []
    lines.append(f"    date: {new.date.isoformat()}")
    peculiar = source.model_dump(mode="json", include=set(_PECULIAR), exclude_defaults=True)
    for key, value in peculiar.items():
        lines.append(f"    {key}: {yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}")
    lines.append(f"    series: [{', '.join(series)}]")
    if new.origins.pypi:
        facts = new.origins.pypi.model_dump(mode="json", exclude_defaults=True)
        lines += ["    origins:", "      git: false", "      pypi:"]
        lines += [f"        {key}: {_quoted(value)}" for key, value in facts.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """As YAML has to write it to be read as text: the beginning of an id may look like a number."""
    return yaml.safe_dump(text).splitlines()[0]
