"""Reads one mailbox patch: its header and what it touches. Nothing here writes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.header import decode_header, make_header
from pathlib import Path

from yolopatch.errors import RequestError
from yolopatch.paths import safe_tree_path

KINDS = ("upstreamable", "environment", "ours")
TRAILERS = ("Kind", "Applies-to", "License")
_MAX_BYTES = 4_000_000
_DIFF = re.compile(r"^diff --git (?P<old>\S.*|\".*\") (?P<new>\S.*|\".*\")$")
_HUNK = re.compile(r"^@@ -(?P<start>\d{1,9})(?:,(?P<lines>\d{1,9}))? \+\d{1,9}(?:,(?P<new_lines>\d{1,9}))? @@")
_TRAILER = re.compile(rf"^(?P<key>{'|'.join(TRAILERS)}):\s*(?P<value>\S.*)$")
_MODES = ("100644", "100755")


@dataclass(frozen=True)
class Hunk:
    """One hunk: where it starts in the old file and its lines, markers included."""

    start: int
    lines: tuple[str, ...]

    @property
    def before(self) -> tuple[str, ...]:
        """The lines that the hunk expects to find."""
        return tuple(line[1:] for line in self.lines if line[:1] in (" ", "-", ""))


@dataclass(frozen=True)
class FileChange:
    """All hunks of one file; `old` or `new` is None where the file is made or deleted."""

    old: str | None
    new: str | None
    hunks: tuple[Hunk, ...]

    @property
    def path(self) -> str:
        """The path of the file that is changed."""
        return self.new or self.old or ""


@dataclass(frozen=True)
class Patch:
    """A parsed patch file."""

    file: Path
    subject: str
    kind: str
    applies_to: str
    licence: str
    changes: tuple[FileChange, ...]


def read_patch(file: Path) -> Patch:
    """Read and check a patch file.

    Raises:
        RequestError: it is unreadable, has no proper header, or touches what no patch may touch.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise RequestError(f"{file}: cannot be read: {error.strerror or error}") from error
    return parse_patch(data, file)


def parse_patch(data: bytes, file: Path) -> Patch:
    """Parse the bytes of a mailbox patch called `file`.

    Raises:
        RequestError: as `read_patch`.
    """
    if len(data) > _MAX_BYTES:
        raise RequestError(f"{file.name}: larger than {_MAX_BYTES} bytes")
    try:
        # A strict split on \n: str.splitlines would also break at form feeds inside code.
        lines = data.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError as error:
        raise RequestError(f"{file.name}: not UTF-8 text at byte {error.start}") from error
    if not re.match(r"^From [0-9a-f]{40} ", lines[0]):
        raise RequestError(
            f"{file.name}: not a mailbox patch (no 'From <commit id>' line); make it with git format-patch"
        )
    if sum(1 for line in lines if re.match(r"^From [0-9a-f]{40} ", line)) > 1:
        raise RequestError(f"{file.name}: more than one patch in the file; one purpose, one file")
    body = next((index for index, line in enumerate(lines) if line.startswith("diff --git ")), len(lines))
    subject, trailers = _header(lines[:body], file)
    changes = tuple(_changes(lines[body:], file))
    if not changes:
        raise RequestError(f"{file.name}: the patch changes no file")
    return Patch(file, subject, trailers["Kind"], trailers["Applies-to"], trailers["License"], changes)


def trailers_of(lines: list[str]) -> dict[str, str]:
    """Our trailers among the lines of a message."""
    return {match["key"]: match["value"].strip() for line in lines if (match := _TRAILER.match(line))}


def _header(lines: list[str], file: Path) -> tuple[str, dict[str, str]]:
    subject = _subject(lines)
    if not subject.strip():
        raise RequestError(f"{file.name}: the header lacks its Subject")
    trailers = trailers_of(lines)
    for key in TRAILERS:
        if key not in trailers:
            raise RequestError(f"{file.name}: the header lacks '{key}:'; see CONTRIBUTING.md, Patches")
    if trailers["Kind"] not in KINDS:
        raise RequestError(f"{file.name}: Kind is '{trailers['Kind']}', expected one of {', '.join(KINDS)}")
    return re.sub(r"^\[PATCH[^\]]*\]\s*", "", subject), trailers


def _subject(lines: list[str]) -> str:
    """The Subject line with the lines that mail folds it onto (they begin with a space)."""
    at = next((index for index, line in enumerate(lines) if line.startswith("Subject: ")), None)
    if at is None:
        return ""
    folded = [lines[at][len("Subject: ") :]]
    for line in lines[at + 1 :]:
        if not line.startswith(" "):
            break
        folded.append(line.strip())
    try:
        # A subject that is not ASCII is encoded: =?UTF-8?q?...?=
        return str(make_header(decode_header(" ".join(folded))))
    except (LookupError, ValueError):
        return " ".join(folded)


def _changes(lines: list[str], file: Path) -> list[FileChange]:
    starts = [index for index, line in enumerate(lines) if line.startswith("diff --git ")]
    # A context line can never begin with 'd': inside a hunk every line begins with ' ', '+', '-' or '\'.
    ends = [*starts[1:], len(lines)]
    return [_change(lines[start:end], file) for start, end in zip(starts, ends, strict=False)]


def _change(lines: list[str], file: Path) -> FileChange:
    if not _DIFF.match(lines[0]):
        raise RequestError(f"{file.name}: cannot read the line '{lines[0][:80]}'")
    first_hunk = next((index for index, line in enumerate(lines) if line.startswith("@@")), len(lines))
    header = lines[1:first_hunk]
    _check_header(header, file)
    old = _path(header, "--- ", "a/", file)
    new = _path(header, "+++ ", "b/", file)
    if old is None and new is None:
        raise RequestError(f"{file.name}: '{lines[0][:80]}' changes no line; only text changes are taken")
    if old is not None and new is not None and old != new:
        raise RequestError(f"{file.name}: renames '{old}' to '{new}'; renames are refused")
    named = lines[0][len("diff --git ") :].strip()
    path = new or old or ""
    if named not in (f"a/{path} b/{path}", f'"a/{path}" "b/{path}"'):
        raise RequestError(f"{file.name}: '{lines[0][:80]}' and the paths below it disagree")
    return FileChange(old, new, tuple(_hunks(lines[first_hunk:], file)))


def _check_header(header: list[str], file: Path) -> None:
    for line in header:
        mode = re.match(r"^(?:new file mode|deleted file mode|old mode|new mode) (\d+)$", line)
        if mode and mode[1] not in _MODES:
            what = {"120000": "a symbolic link", "160000": "a submodule"}.get(mode[1], f"mode {mode[1]}")
            raise RequestError(f"{file.name}: makes or changes {what}; only plain files are taken")
        index_mode = re.match(r"^index [0-9a-f]+\.\.[0-9a-f]+ (\d+)$", line)
        if index_mode and index_mode[1] not in _MODES:
            raise RequestError(f"{file.name}: touches a file of mode {index_mode[1]}; only plain files are taken")
        if line.startswith(("rename ", "copy ", "similarity ", "dissimilarity ")):
            raise RequestError(f"{file.name}: renames or copies a file; renames are refused")
        if line.startswith(("GIT binary patch", "Binary files ")):
            raise RequestError(f"{file.name}: changes a binary file; only text changes are taken")


def _path(header: list[str], marker: str, prefix: str, file: Path) -> str | None:
    found = [line[len(marker) :].split("\t")[0].strip() for line in header if line.startswith(marker)]
    if not found:
        return None
    if len(found) > 1:
        raise RequestError(f"{file.name}: two '{marker.strip()}' lines for one file")
    value = found[0]
    if value == "/dev/null":
        return None
    if value.startswith('"'):
        raise RequestError(f"{file.name}: the path {value[:80]} needs quoting; plain ASCII paths only")
    if not value.startswith(prefix):
        raise RequestError(f"{file.name}: the path '{value[:80]}' does not begin with {prefix}")
    try:
        return safe_tree_path(value[len(prefix) :])
    except RequestError as error:
        raise RequestError(f"{file.name}: {error}") from error


def _hunks(lines: list[str], file: Path) -> list[Hunk]:
    hunks: list[Hunk] = []
    index = 0
    while index < len(lines):
        match = _HUNK.match(lines[index])
        if match is None:
            _check_tail(lines[index:], file)
            break
        index += 1
        old_left = int(match["lines"] or 1)
        new_left = int(match["new_lines"] or 1)
        body: list[str] = []
        while (old_left > 0 or new_left > 0) and index < len(lines):
            line = lines[index]
            old_left -= line[:1] in (" ", "-", "")
            new_left -= line[:1] in (" ", "+", "")
            if line[:1] not in (" ", "+", "-", "\\", ""):
                raise RequestError(f"{file.name}: a hunk ends too early at '{line[:60]}'")
            body.append(line)
            index += 1
        if old_left or new_left:
            raise RequestError(f"{file.name}: the hunk at line {match['start']} is cut short")
        while index < len(lines) and lines[index].startswith("\\"):
            index += 1
        hunks.append(Hunk(int(match["start"]), tuple(body)))
    return hunks


def _check_tail(lines: list[str], file: Path) -> None:
    """After the last hunk only the mail signature may stand."""
    text = [line for line in lines if line.strip()]
    if text and text[0].rstrip() not in ("--",):
        raise RequestError(f"{file.name}: cannot read '{text[0][:60]}' after a hunk")
