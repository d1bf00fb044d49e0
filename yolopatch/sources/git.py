"""Fetch exactly one commit of a git repository, and of its files only those that are wanted.

Into a repository of its own that is thrown away afterwards: first the commit and its trees
(`--depth=1 --filter=blob:none`), then the missing blobs of the sparse tree in one batch, as git's
own lazy fetch asks for them. Files are read out of the object store, never checked out, so no
filter and no line-ending rule touches them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_fixed

from yolopatch import git
from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.sources.failures import CommitAbsent, NoGitHost
from yolopatch.sources.models import Entry, GitSource, blob_id
from yolopatch.sources.sparse import choose
from yolopatch.sources.urls import host_of, is_local, safe_url

_REMOTE = "yolopatch"
_EVERYTHING = ("+refs/heads/*:refs/yolopatch/heads/*", "+refs/tags/*:refs/yolopatch/tags/*")
# A bare mirror without any configuration serves neither filters nor commits by their id, unless told to.
LOCAL_UPLOAD_PACK = "git -c uploadpack.allowFilter=true -c uploadpack.allowAnySHA1InWant=true upload-pack"
_REFUSED = re.compile(r"unadvertised object|dumb http transport|does not support (shallow|--depth)|want .* not valid")
_LACKS = re.compile(r"not our ref|bad object|unable to read|missing (blob|tree|object)|could not find remote ref")
_BROKEN = re.compile(r"early EOF|RPC failed|reset by peer|unexpected disconnect|returned error: (5\d\d|429)")
_DISK_FULL = re.compile(r"No space left on device|Disk quota exceeded")


@dataclass(frozen=True)
class Fetched:
    """The chosen files of a commit, and what it took."""

    entries: tuple[Entry, ...]
    contents: dict[str, bytes]
    url: str
    received: int
    date: str


@dataclass(frozen=True)
class _Way:
    """What one try asks of the server."""

    refspecs: tuple[str, ...]
    depth: bool
    filter: bool


class _Repository:
    """The temporary bare repository, and the one remote that it knows."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        git.run(["init", "--bare", "--quiet", folder])
        self.local("config", f"remote.{_REMOTE}.url", url)
        # insteadOf may turn a host into a folder of this machine
        effective = self.network("ls-remote", "--get-url", _REMOTE).stdout.strip()
        self.is_local = is_local(effective)
        self._upload_pack = [f"--upload-pack={LOCAL_UPLOAD_PACK}"] if self.is_local else []

    def local(self, *args: str, input: str | None = None) -> git.BytesResult:
        # No transport at all: an older git would fetch a missing object on its own.
        return git.run_bytes(self._prefix(*args), input=input, env={"GIT_ALLOW_PROTOCOL": "none", "TZ": "UTC"})

    def network(self, *args: str, timeout: float | None = None) -> git.Result:
        return git.run(self._prefix(*args), user_config=True, timeout=timeout)

    def fetch(self, *args: str, progress: git.ProgressCallback, input: str | None = None) -> None:
        options = ["--progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc"]
        command = ["fetch", *options, *self._upload_pack, *args]
        git.run(self._prefix(*command), input=input, user_config=True, progress=progress)

    def received(self) -> int:
        """Bytes of all packs, which are kept as they came."""
        return sum(pack.stat().st_size for pack in (self.folder / "objects" / "pack").glob("*.pack"))

    def _prefix(self, *args: str) -> list[str]:
        return [f"--git-dir={self.folder}", *args]


def fetch(source: GitSource, scratch: Path, reporter: Reporter) -> Fetched:
    """Fetch the source's commit from the first URL that has it, working below `scratch`.

    Raises `RequestError` for a refused URL or tree, `NoGitHost` when no URL answers,
    `CommitAbsent` when one answers without the commit, `EnvironmentFailed` otherwise.
    """
    for url in source.urls:
        safe_url(url)
    silent: list[str] = []
    absent: list[str] = []
    for number, url in enumerate(source.urls):
        try:
            return _fetch_stubbornly(url, source, scratch / str(number), reporter)
        except CommitAbsent as error:
            absent.append(str(error))
        except (git.GitError, git.GitTimeout) as error:
            _raise_if_disk_full(error, scratch)
            silent.append(f"{host_of(url)}: {_reason(error)}".removesuffix(f": {host_of(url)}"))
            reporter.detail(f"no answer from {silent[-1]}")
    if absent:
        raise CommitAbsent("; ".join([*absent, *silent]) + "; name a remote that has it with --remote")
    raise NoGitHost(silent or ["no URL is known"])


def _fetch_stubbornly(url: str, source: GitSource, folder: Path, reporter: Reporter) -> Fetched:
    """Try once more when the connection broke in the middle of a fetch."""
    for attempt in Retrying(
        retry=retry_if_exception(_broke_off), stop=stop_after_attempt(2), wait=wait_fixed(1), reraise=True
    ):
        with attempt:
            return _fetch_from(url, source, folder / str(attempt.retry_state.attempt_number), reporter)
    raise AssertionError("unreachable: Retrying ends with a result or raises")


def _broke_off(error: BaseException) -> bool:
    return isinstance(error, git.GitError) and _BROKEN.search(error.stderr) is not None


def connect_timeout() -> float:
    """Seconds that a host has to answer: `YOLOPATCH_CONNECT_TIMEOUT`, else 10."""
    text = os.environ.get("YOLOPATCH_CONNECT_TIMEOUT", "10")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e6:
        raise RequestError(f"YOLOPATCH_CONNECT_TIMEOUT is '{text}'; expected seconds, such as 10")
    return seconds


def _fetch_from(url: str, source: GitSource, folder: Path, reporter: Reporter) -> Fetched:
    first = _Repository(folder / "0.git", url)
    if not first.is_local:
        first.network("ls-remote", "--quiet", _REMOTE, "HEAD", timeout=connect_timeout())
    refusal = ""
    for number, way in enumerate(_ways(first, source.commit)):
        if way.refspecs == _EVERYTHING and not refusal:
            break  # the server knows ids and lacks this one: a whole history would not hold it
        if way.filter and "dumb http" in refusal:
            continue  # git would fetch what the filter leaves out one by one, each time in a new process
        repository = _Repository(folder / f"{number}.git", url) if number else first
        try:
            return _try(repository, way, source, reporter)
        except git.GitError as error:
            if _REFUSED.search(error.stderr):
                refusal = git.shorten(error.stderr)
            elif not _LACKS.search(error.stderr):
                raise
    why = f" ({refusal})" if refusal else ""
    raise CommitAbsent(f"{host_of(url)} does not have commit {source.commit[:12]}, or lacks files of it{why}")


def _ways(first: _Repository, commit: str) -> Iterator[_Way]:
    """From cheap to dear. Most servers that refuse a commit by its id refuse blobs by theirs too,
    so there is a way without the filter after each way with it."""
    yield _Way((commit,), depth=True, filter=True)
    yield _Way((commit,), depth=True, filter=False)
    refs = first.network("ls-remote", "--quiet", _REMOTE).stdout.split("\n")
    at = [line.partition("\t")[2].removesuffix("^{}") for line in refs if line.startswith(commit)]
    if at:
        yield _Way((f"+{at[0]}:refs/yolopatch/wanted",), depth=True, filter=False)
    yield _Way(_EVERYTHING, depth=False, filter=True)
    yield _Way(_EVERYTHING, depth=False, filter=False)


def _try(repository: _Repository, way: _Way, source: GitSource, reporter: Reporter) -> Fetched:
    options = ["--depth=1"] * way.depth + ["--filter=blob:none"] * way.filter
    with reporter.task(f"fetching {source.title} from {host_of(repository.url)}") as task:

        def progress(stage: str, done: float, total: float | None) -> None:
            task.update(completed=done, total=total, text=f"{source.title}: {stage.lower()}")

        repository.fetch(*options, _REMOTE, *way.refspecs, progress=progress)
        entries = choose(_list(repository, source.commit), source.sparse)
        wanted = sorted({entry.blob for entry in entries} & _missing(repository, source.commit))
        if wanted:
            batch = ["--filter=blob:none", _REMOTE, "--stdin"]
            repository.fetch(*batch, input="\n".join(wanted) + "\n", progress=progress)
        contents = _read(repository, entries)
    return Fetched(
        entries, contents, git.redact(repository.url), repository.received(), _date(repository, source.commit)
    )


def _date(repository: _Repository, commit: str) -> str:
    """Of the committer, whatever the time zone of this machine or of theirs."""
    said = repository.local("log", "-1", "--no-show-signature", "--date=format-local:%Y-%m-%d", "--format=%cd", commit)
    return said.stdout.decode().strip()


def _list(repository: _Repository, commit: str) -> Iterator[Entry]:
    # Content is identity: git names an object by its hash, so whatever has this id is the commit.
    found = repository.local("rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").stdout.decode().strip()
    if found != commit:
        raise CommitAbsent(f"{host_of(repository.url)} sent {found[:12] or 'nothing'} for commit {commit[:12]}")
    listing = repository.local("ls-tree", "-r", "-z", "--full-tree", commit).stdout
    for record in listing.split(b"\0"):
        if record:
            facts, _, path = record.partition(b"\t")
            mode, _, blob = facts.decode().split(" ")
            yield Entry(path.decode("utf-8", "surrogateescape"), mode, blob)


def _missing(repository: _Repository, commit: str) -> set[str]:
    listing = repository.local("rev-list", "--objects", "--no-object-names", "--missing=print", "-1", commit)
    return {line[1:] for line in listing.stdout.decode().split("\n") if line.startswith("?")}


def _read(repository: _Repository, entries: Sequence[Entry]) -> dict[str, bytes]:
    names = "".join(f"{entry.blob}\n" for entry in entries)
    data = repository.local("cat-file", "--batch", input=names).stdout
    contents = {}
    position = 0
    for entry in entries:
        end = data.index(b"\n", position)
        fields = data[position:end].decode().split(" ")
        if len(fields) != 3 or fields[1] != "blob":
            raise CommitAbsent(f"{host_of(repository.url)} lacks the file '{entry.path}'")
        size = int(fields[2])
        content = data[end + 1 : end + 1 + size]
        position = end + 1 + size + 1
        if blob_id(content) != entry.blob:
            raise EnvironmentFailed(f"git gave other bytes for '{entry.path}' than its id {entry.blob}; run this again")
        contents[entry.path] = content
    return contents


def _raise_if_disk_full(error: Exception, scratch: Path) -> None:
    if isinstance(error, git.GitError) and _DISK_FULL.search(error.stderr):
        raise OSError(28, "No space left on device", str(scratch)) from error


def _reason(error: git.GitError | git.GitTimeout) -> str:
    if isinstance(error, git.GitTimeout):
        return f"no answer within {connect_timeout():g} s"
    reason = git.shorten(error.stderr)
    # "unable to access 'https://host/path/': Could not resolve host: host"
    return re.sub(r"^unable to access '[^']*': ", "", reason).removesuffix(".")
