"""An upstream's history in the cache: its commits and trees, and of its files those that are asked for.

<cache>/histories/<key>/history.git   what was fetched; `key` is of upstream's own URL, whatever remote served it
<cache>/histories/<key>/bench.git     borrows its objects, and has none of its remotes: what patches give is kept here

What is fetched is named by its hash, so that one repository may be filled from several remotes. Blobs are left out
(`--filter=blob:none`) and fetched in one batch when their ids are known.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from yolopatch import git
from yolopatch.console import Reporter
from yolopatch.errors import EnvironmentFailed, RequestError
from yolopatch.paths import safe_tree_path
from yolopatch.sources.cache import Cache
from yolopatch.sources.git import LOCAL_UPLOAD_PACK, connect_timeout
from yolopatch.sources.sparse import is_chosen
from yolopatch.sources.urls import host_of, is_local, safe_url

_REMOTE = "yolopatch"
_SHORTEST_ID = 7
_HISTORY, _BENCH = "history.git", "bench.git"


@dataclass(frozen=True)
class Step:
    """One commit of a line of first parents, and what the watched paths hold there."""

    commit: str
    date: str
    """Of the committer, YYYY-MM-DD."""
    subject: str
    blobs: tuple[tuple[str, str, str], ...]
    """(path, mode, blob id) of each watched path that is a plain file there, sorted."""


class History:
    """The repository, while its lock is held (see `opened`)."""

    def __init__(self, folder: Path, reporter: Reporter) -> None:
        self._folder = folder / _HISTORY
        self.bench = folder / _BENCH
        """A repository to try patches in."""
        self.answers = folder / "answers.json"
        """What became of them; it speaks of objects of `bench`, and so lives and dies with it."""
        self.builds = folder / "builds.jsonl"
        """Which trees build and run."""
        self._reporter = reporter

    def resolve(self, revision: str) -> str | None:
        """The commit that `revision` names (an id, a tag, a branch, `HEAD`), or None."""
        if not re.fullmatch(r"[A-Za-z0-9][\w./+@^~-]*", revision) or ".." in revision:
            return None
        # Our refs first: a branch may be called like the beginning of an id.
        names = [f"refs/yolopatch/{kind}/{revision}" for kind in ("named", "tags", "heads")]
        for name in (*names, revision) if len(revision) >= _SHORTEST_ID else names:
            found = self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)
            if found.status == 0:
                return found.stdout.strip()
        return None

    def line(self, first: str, last: str, paths: Sequence[str]) -> tuple[Step, ...]:
        """The first parents from `first` to `last`, both with it, oldest first.

        Raises:
            RequestError: `last` does not descend from `first`, or the history is cut off between them.
            EnvironmentFailed: the history lacks commits or trees.
        """
        try:
            return self._line(first, last, paths)
        except git.GitError as error:
            raise EnvironmentFailed(
                f"the history from {first[:12]} to {last[:12]} lacks objects ({error}); name a whole one with --remote"
            ) from error

    def _line(self, first: str, last: str, paths: Sequence[str]) -> tuple[Step, ...]:
        if not self.descends(last, first):
            cut = " (the remote is shallow: its history is cut off)" if (self._folder / "shallow").exists() else ""
            raise RequestError(
                f"no commits from {first[:12]} to {last[:12]}: the second does not descend from the first{cut}; "
                "give --from an older commit, or exchange --from and --to"
            )
        now = self._blobs(first, paths)
        changed = self._changes(first, last, paths)
        steps = []
        for commit, date, subject in self._facts(first, last):
            for path, entry in changed.get(commit, ()):
                if entry is None:
                    now.pop(path, None)
                else:
                    now[path] = entry
            steps.append(Step(commit, date, subject, tuple((path, *now[path]) for path in sorted(now))))
        return tuple(steps)

    def tree(self, commit: str, rules: Sequence[str]) -> list[tuple[str, str]]:
        """Path and blob id of each plain file of a commit that the sparse `rules` choose."""
        listing = self._git("ls-tree", "-r", "-z", "--full-tree", commit).stdout
        found = []
        for record in filter(None, listing.split("\0")):
            facts, _, path = record.partition("\t")
            mode, _, blob = facts.split(" ")
            if mode.startswith("100") and is_chosen(path, rules):
                found.append((safe_tree_path(path), blob))
        return found

    def fill(self, blobs: Iterable[str]) -> None:
        """Fetch those of `blobs` that are not here yet, in one batch.

        Raises:
            EnvironmentFailed: the remote lacks one of them, or does not answer.
        """
        missing = self._absent(blobs)
        if not missing:
            return
        with (
            self._reporter.task(f"fetching {len(missing)} versions of files") as task,
            contextlib.suppress(git.GitError),  # whether for want of an object or of the remote, what counts is here
        ):
            self._fetch("--filter=blob:none", _REMOTE, "--stdin", input="\n".join(missing) + "\n", task=task.update)
        lacking = self._absent(missing)
        if lacking:
            raise EnvironmentFailed(
                f"the history lacks {len(lacking)} objects (the first is {lacking[0]}); "
                "name a remote that has them with --remote"
            )

    def update(self, url: str) -> None:
        """Fetch what `url` has: its HEAD, all tags.

        Raises `git.GitError` and `git.GitTimeout` when the remote does not answer.
        """
        self._git("config", f"remote.{_REMOTE}.url", url)
        effective = self._network("ls-remote", "--get-url", _REMOTE).stdout.strip()
        if not is_local(effective):
            self._network("ls-remote", "--quiet", _REMOTE, "HEAD", timeout=connect_timeout())
        with self._reporter.task(f"fetching the history from {host_of(url)}") as task:
            refs = ("+HEAD:refs/yolopatch/named/HEAD", "+refs/tags/*:refs/yolopatch/tags/*")
            self._fetch("--filter=blob:none", _REMOTE, *refs, task=task.update)

    def seek(self, revision: str) -> str | None:
        """The commit of a branch or id that `update` did not bring, fetched by its name; None where there is none."""
        for refspec in (f"+refs/heads/{revision}:refs/yolopatch/heads/{revision}", revision):
            try:
                self._fetch("--filter=blob:none", _REMOTE, refspec)
            except git.GitError:
                continue
            found = self.resolve(revision)
            if found is not None:
                return found
        return None

    def descends(self, commit: str, other: str) -> bool:
        """Whether `other` is in the history of `commit`, or is the same."""
        return self._git("merge-base", "--is-ancestor", other, commit, check=False).status == 0

    def changed_by(self, first: str, last: str, path: str, start: int, end: int) -> list[str]:
        """The commits after `first` that changed lines `start` to `end` of a file, as `last` numbers them.

        All versions of the file must be here (see `fill`). Newest first, one line a commit: id, date, subject.
        """
        form = "--format=%h %cs %s"
        log = self._git("log", "--first-parent", "-s", form, f"-L{start},{end}:{path}", f"{first}..{last}")
        return [line for line in log.stdout.splitlines() if line]

    def _blobs(self, commit: str, paths: Sequence[str]) -> dict[str, tuple[str, str]]:
        listing = self._git("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths).stdout
        found = {}
        for record in filter(None, listing.split("\0")):
            facts, _, path = record.partition("\t")
            mode, kind, blob = facts.split(" ")
            if kind == "blob" and path in paths:
                found[path] = (mode, blob)
        return found

    def _facts(self, first: str, last: str) -> list[tuple[str, str, str]]:
        form = "--format=%H%x00%cs%x00%s"
        log = self._git("log", "--first-parent", "--reverse", form, f"{first}..{last}").stdout
        lines = [*self._git("log", "-1", form, first).stdout.splitlines(), *log.splitlines()]
        return [(commit, date, subject) for commit, date, subject in (line.split("\0", 2) for line in lines if line)]

    def _changes(
        self, first: str, last: str, paths: Sequence[str]
    ) -> dict[str, list[tuple[str, tuple[str, str] | None]]]:
        """What each commit did to the watched paths: (mode, blob), or None where the path is no longer a file."""
        options = ("--first-parent", "-m", "--raw", "--no-renames", "--no-abbrev", "-z", "--format=%x01%H")
        log = self._git("log", *options, f"{first}..{last}", "--", *paths).stdout
        watched = frozenset(paths)
        changed: dict[str, list[tuple[str, tuple[str, str] | None]]] = {}
        for record in log.split("\x01")[1:]:
            commit, *fields = record.replace("\n", "").split("\0")
            entries = changed.setdefault(commit, [])
            fields = [field for field in fields if field]
            for facts, path in zip(fields[::2], fields[1::2], strict=True):
                _, mode, _, blob, _ = facts.split(" ")
                if path in watched:
                    entries.append((path, (mode, blob) if mode.startswith("100") else None))
        return changed

    def _absent(self, blobs: Iterable[str]) -> list[str]:
        names = sorted(set(blobs))
        # In the repository that has no remote, since an older git would ask this one's remote for each.
        words = [f"--git-dir={self.bench}", "cat-file", "--batch-check=%(objectname)"]
        answer = git.run(words, input="".join(f"{name}\n" for name in names))
        return [line.split(" ")[0] for line in answer.stdout.splitlines() if line.endswith(" missing")]

    def _fetch(
        self, *args: str, input: str | None = None, task: Callable[[float | None, float | None], None] | None = None
    ) -> None:
        effective = self._network("ls-remote", "--get-url", _REMOTE).stdout.strip()
        local = (f"--upload-pack={LOCAL_UPLOAD_PACK}",) if is_local(effective) else ()
        options = ("--progress", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", "--no-auto-gc")

        def progress(_stage: str, done: float, total: float | None) -> None:
            if task is not None:
                task(done, total)

        git.run(self._prefix("fetch", *options, *local, *args), input=input, user_config=True, progress=progress)

    def _git(self, *args: str, input: str | None = None, check: bool = True) -> git.Result:
        # No transport at all: an older git would fetch a missing object on its own.
        return git.run(self._prefix(*args), input=input, check=check, env={"GIT_ALLOW_PROTOCOL": "none"})

    def _network(self, *args: str, timeout: float | None = None) -> git.Result:
        return git.run(self._prefix(*args), user_config=True, timeout=timeout)

    def _prefix(self, *args: str) -> list[str]:
        return [f"--git-dir={self._folder}", *args]


@contextmanager
def opened(repository: str, cache: Cache, reporter: Reporter) -> Iterator[History]:
    """The history of the upstream whose own URL is `repository`; another process waits until this one has done."""
    key = hashlib.sha256(repository.encode()).hexdigest()[:16]
    with cache.locked(f"history-{key}", lambda: reporter.note("waiting for another yolopatch that reads this history")):
        folder = cache.root / "histories" / key
        if not folder.exists():
            with cache.scratch() as scratch, cache.explained():
                for name in (_HISTORY, _BENCH):
                    git.run(["init", "--bare", "--quiet", scratch / "new" / name])
                info = scratch / "new" / _BENCH / "objects" / "info"
                info.mkdir(exist_ok=True)
                (info / "alternates").write_text(f"../../{_HISTORY}/objects\n", encoding="utf-8")
                folder.parent.mkdir(parents=True, exist_ok=True)
                (scratch / "new").replace(folder)
        yield History(folder, reporter)


def refresh(history: History, urls: Sequence[str]) -> None:
    """Bring the history up to date from the first of `urls` that answers.

    Raises:
        RequestError: a URL is refused.
        EnvironmentFailed: none answers.
    """
    reasons = []
    for url in urls:
        safe_url(url)
    for url in urls:
        try:
            history.update(url)
        except (git.GitError, git.GitTimeout) as error:
            reasons.append(f"{host_of(url)}: {error}")
        else:
            return
    raise EnvironmentFailed(
        f"no git host answered ({'; '.join(reasons)}); name another with --remote, or take what is in the cache with "
        "--offline"
    )


def look_up(urls: Sequence[str], name: str) -> str | None:
    """The commit of a tag, a branch or `HEAD`, as the first of `urls` that answers has it; None where none has."""
    if not re.fullmatch(r"[A-Za-z0-9][\w./+@-]*", name) or ".." in name:
        return None
    refs = ("HEAD",) if name == "HEAD" else (f"refs/tags/{name}^{{}}", f"refs/tags/{name}", f"refs/heads/{name}")
    for url in urls:
        safe_url(url)
        try:
            said = git.run(["ls-remote", "--quiet", url, *refs], user_config=True, timeout=3 * connect_timeout())
        except (git.GitError, git.GitTimeout):
            continue
        found = {ref: commit for commit, _, ref in (line.partition("\t") for line in said.stdout.splitlines())}
        return next((found[ref] for ref in refs if ref in found), None)
    return None
