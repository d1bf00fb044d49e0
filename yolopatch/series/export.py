"""Turns commits into patch files, and tells whether a patch file still gives a commit.

Works beside the repository: with an index and an object store of its own, so that nothing of
what is tried out is left in it.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from yolopatch import git
from yolopatch.errors import RequestError
from yolopatch.series.history import Commit
from yolopatch.series.patchfile import TRAILERS, FileChange, Patch, parse_patch, trailers_of

_DEFAULT_CONTEXT = 3
# What the repository's own configuration could change in a patch is said in full.
_FORMAT = (
    *("format-patch", "-1", "--zero-commit", "--no-signature", "--full-index", "--no-stat", "--stdout"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--find-renames", "--diff-algorithm=default"),
    *("--indent-heuristic", "--src-prefix=a/", "--dst-prefix=b/", "--no-numbered", "--subject-prefix=PATCH"),
    *("--no-attach", "--no-thread", "--no-notes", "--no-base", "--no-from", "--no-to", "--no-cc", "--no-add-header"),
    *("--no-cover-letter", "--encode-email-headers", "--ignore-submodules=none"),
)


@dataclass(frozen=True)
class _Mail:
    """What a commit and a patch file both have beside their changes."""

    author: str
    seconds: float
    offset: str
    subject: str
    body: str


class Desk:
    """Where commits are compared with patch files; made by `open_desk`."""

    def __init__(self, repository: Path, scratch: Path) -> None:
        self._repository = repository
        self._scratch = scratch
        self._env = {
            "GIT_INDEX_FILE": str(scratch / "index"),
            "GIT_OBJECT_DIRECTORY": str(scratch / "objects"),
        }

    def patch_of(self, commit: str, context: int) -> bytes:
        """The patch file of a commit, with `context` lines around each change."""
        return self._git(*_FORMAT, f"--unified={context}", commit)

    def gives(self, patch: bytes, commit: Commit, *, merge: bool = True) -> bool:
        """Whether `patch`, applied to the commit's parent, gives the commit: tree, message and author.

        Without `merge` it has to apply as it stands, as it must where the files that it was made on are not at hand.
        """
        try:
            parse_patch(patch, Path("patch"))
        except RequestError:
            return False
        return self._mail_of_patch(patch) == self._mail_of_commit(commit.id) and (
            self._tree_of_patch(patch, commit.parent, merge=merge) == commit.tree
        )

    def subject_of(self, patch: bytes) -> str:
        """The subject of the commit that git am makes of `patch`."""
        return self._mail_of_patch(patch).subject

    def checked_patch(self, commit: Commit, context: int) -> bytes:
        """`patch_of`, checked as every patch that is read, and that it gives the commit again.

        Raises:
            RequestError: it holds what no patch may hold, or its message does not survive.
        """
        data = self.patch_of(commit.id, context)
        try:
            parse_patch(data, Path("its patch"))
        except RequestError as error:
            raise RequestError(f"commit {commit.shown}: {error}") from error
        if self._mail_of_patch(data) != self._mail_of_commit(commit.id):
            raise RequestError(
                f"commit {commit.shown}: git am would change its message (a '[...]' at its front, or a line '---' or "
                "'diff ' in it); reword it"
            )
        if self._tree_of_patch(data, commit.parent) != commit.tree:
            raise RequestError(f"commit {commit.shown}: its patch does not give the same files again; split it")
        return data

    def same_change(self, first: Commit, second: Commit) -> bool:
        """Whether two commits say the same and change the same lines, wherever these stand."""
        return self._mail_of_commit(first.id) == self._mail_of_commit(second.id) and (
            self._patch_id(first.id) == self._patch_id(second.id)
        )

    def with_trailers(self, commit: Commit, trailers: Mapping[str, str]) -> Commit:
        """The commit with those of `trailers` that its message lacks; the repository does not get it."""
        message = self._log(commit.id, "%B")
        have = trailers_of(message.split("\n"))
        missing = {key: trailers[key] for key in TRAILERS if key not in have}
        if not missing:
            return commit
        options = [f"--trailer={key}: {value}" for key, value in missing.items()]
        told = self._git(
            "interpret-trailers", "--no-divider", "--where=end", "--if-exists=add", *options, input=message.encode()
        )
        name, email, date = self._log(commit.id, "%an%n%ae%n%ad", "--date=raw").strip("\n").split("\n")
        author = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": email, "GIT_AUTHOR_DATE": f"@{date}"}
        made = self._git("commit-tree", commit.tree, "-p", commit.parent, input=told, env=author).decode().strip()
        return Commit(made, commit.tree, commit.parents, commit.stamp, commit.subject, commit.changes, commit.paths)

    def _tree_of_patch(self, patch: bytes, parent: str, *, merge: bool = True) -> str | None:
        file = self._scratch / "patch"
        file.write_bytes(patch)
        # As git am does: as it stands first, merged three-way where that fails.
        for way in ((), ("--3way",)) if merge else ((),):
            self._git("read-tree", parent)
            args = ["apply", "--cached", "--whitespace=nowarn", *way, str(file)]
            if git.run(args, cwd=self._repository, env=self._env, check=False).status == 0:
                return self._git("write-tree").decode().strip()
        return None

    def _mail_of_patch(self, patch: bytes) -> _Mail:
        body = self._scratch / "message"
        args = ("mailinfo", "--encoding=UTF-8", "--no-scissors", str(body), str(self._scratch / "rest"))
        facts = dict(line.partition(": ")[::2] for line in _text(self._git(*args, input=patch)).split("\n"))
        author = f"{facts.get('Author', '')} <{facts.get('Email', '')}>"
        return _mail(author, facts.get("Date", ""), facts.get("Subject", ""), _text(body.read_bytes()))

    def _mail_of_commit(self, commit: str) -> _Mail:
        author, date, subject, body = self._log(commit, "%an <%ae>%n%aD%n%s%n%b").split("\n", 3)
        return _mail(author, date, subject, body)

    def _patch_id(self, commit: str) -> bytes:
        return self._git("patch-id", "--stable", input=self.patch_of(commit, _DEFAULT_CONTEXT)).partition(b" ")[0]

    def _log(self, commit: str, form: str, *options: str) -> str:
        return _text(self._git("log", "-1", "--no-notes", "--no-show-signature", f"--format={form}", *options, commit))

    def _git(self, *args: str, input: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        return git.run_bytes(list(args), cwd=self._repository, input=input, env={**self._env, **(env or {})}).stdout


@contextmanager
def open_desk(repository: Path) -> Iterator[Desk]:
    """A place to work on the commits of `repository` without writing to it."""
    where = git.run(["rev-parse", "--path-format=absolute", "--git-path", "objects"], cwd=repository).stdout
    with tempfile.TemporaryDirectory(prefix="yolopatch-") as name:
        scratch = Path(name)
        (scratch / "objects" / "info").mkdir(parents=True)
        (scratch / "objects" / "info" / "alternates").write_text(where.rstrip("\n") + "\n", encoding="utf-8")
        yield Desk(repository, scratch)


def context_of(patch: Patch | None) -> int:
    """How many lines of context a patch was made with: the most that stand before or after a hunk's changes."""
    changes = patch.changes if patch else ()
    widths = [_width(hunk.lines) for change in changes if _edits(change) for hunk in change.hunks]
    return max(widths, default=0) or _DEFAULT_CONTEXT


def _edits(change: FileChange) -> bool:
    """Whether a file is changed, neither made nor deleted, so that there is something around the change."""
    return change.old is not None and change.new is not None


def _width(lines: tuple[str, ...]) -> int:
    same = [line[:1] in (" ", "") for line in lines if line[:1] != "\\"]
    before = next((at for at, is_context in enumerate(same) if not is_context), 0)
    after = next((at for at, is_context in enumerate(reversed(same)) if not is_context), 0)
    return max(before, after)


def _mail(author: str, date: str, subject: str, body: str) -> _Mail:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return _Mail(author, 0.0, "", subject, body)
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in body.split("\n"))).strip("\n")
    return _Mail(author, moment.timestamp(), moment.strftime("%z"), " ".join(subject.split()), text)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
