"""Does a patch apply to these versions of its files? Asked of real git, on an index without a checkout."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from yolopatch import git
from yolopatch.series.patchfile import Patch

Files = tuple[tuple[str, str, str], ...]
"""(path, mode, blob id) of each file, sorted."""
How = Literal["apply", "merge", "there"]

_OFFSET = re.compile(r"^Hunk #\d+ succeeded at \d+ \(offset ", re.M)
_FAILED = re.compile(r"^error: patch failed: (?P<path>.*):(?P<line>\d+)$", re.M)
_ERROR = re.compile(r"^error: (?P<text>.*)$", re.M)
_WORDS: dict[How, tuple[str, ...]] = {"apply": (), "merge": ("--3way",), "there": ("--check", "--reverse")}


@dataclass(frozen=True)
class Question:
    """Does `patch` apply to `files` (all of its files that are there): as it is, by a 3-way merge; or is it in them?"""

    patch: Patch
    how: How
    files: Files


@dataclass(frozen=True)
class Answer:
    """What git said."""

    yes: bool
    offset: bool = False
    """Whether some hunk was found some lines away."""
    why: str = ""
    """Why not: the file, the hunk and its line."""
    files: Files = ()
    """The files afterwards."""


class Bench:
    """A bare repository that has the files which are asked about, and keeps those that patches make of them."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository

    @classmethod
    def create(cls, repository: Path, contents: Iterable[bytes]) -> Bench:
        """A new one at `repository`, with these versions of files."""
        git.run(["init", "--bare", "--quiet", repository])
        for content in contents:
            git.run([f"--git-dir={repository}", "hash-object", "-w", "--no-filters", "--stdin"], input=content)
        return cls(repository)

    def add_files(self, files: Iterable[Path]) -> None:
        """Take files in, whose names hold no line breaks."""
        names = "".join(f"{file}\n" for file in files)
        words = [f"--git-dir={self._repository}", "hash-object", "-w", "--no-filters", "--stdin-paths"]
        git.run(words, input=names)

    def read(self, blobs: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Each of `blobs`, which it has, with its content."""
        words = [f"--git-dir={self._repository}", "cat-file", "--batch"]
        data = git.run_bytes(words, input="".join(f"{blob}\n" for blob in blobs)).stdout
        position = 0
        for blob in blobs:
            end = data.index(b"\n", position)
            size = int(data[position:end].split(b" ")[2])
            yield blob, data[end + 1 : end + 1 + size]
            position = end + 1 + size + 1

    def ask(self, questions: Sequence[Question]) -> list[Answer]:
        """An answer to each; several threads may ask at once.

        All have their files in one index, each below a folder of its own: what takes the time is to start git.
        """
        with tempfile.TemporaryDirectory(dir=self._repository, prefix="index-") as folder:
            index = Path(folder).resolve() / "index"
            self._lay(questions, index)
            said = [self._ask(question, number, index) for number, question in enumerate(questions)]
            files = self._files(index)
        return [
            Answer(answer.yes, answer.offset, answer.why, tuple(files.get(str(number), ())) if answer.yes else ())
            for number, answer in enumerate(said)
        ]

    def _lay(self, questions: Sequence[Question], index: Path) -> None:
        self._git(index, "read-tree", "--empty")
        lines = [
            f"{mode} {blob}\t{number}/{path}\0"
            for number, question in enumerate(questions)
            for path, mode, blob in question.files
        ]
        if lines:
            self._git(index, "update-index", "-z", "--index-info", input="".join(lines))

    def _ask(self, question: Question, number: int, index: Path) -> Answer:
        file = str(question.patch.file.resolve())
        words = ("--cached", "--verbose", f"--directory={number}", *_WORDS[question.how], file)
        done = self._git(index, "apply", *words, check=False)
        if done.status != 0:
            return Answer(False, why=_why(question.patch, done.stderr, f"{number}/"))
        return Answer(True, _OFFSET.search(done.stderr) is not None)

    def _files(self, index: Path) -> Mapping[str, list[tuple[str, str, str]]]:
        """The files of each folder at the top of the index."""
        found: dict[str, list[tuple[str, str, str]]] = {}
        for record in filter(None, self._git(index, "ls-files", "--stage", "-z").stdout.split("\0")):
            facts, _, path = record.partition("\t")
            mode, blob, _ = facts.split(" ")
            top, _, rest = path.partition("/")
            found.setdefault(top, []).append((rest, mode, blob))
        return found

    def _git(self, index: Path, *args: str, input: str | None = None, check: bool = True) -> git.Result:
        words = [f"--git-dir={self._repository.resolve()}", *args]
        # Whatever --cached says, a 3-way merge of a file that is new on both sides is written to the present folder.
        return git.run(words, cwd=index.parent, input=input, check=check, env={"GIT_INDEX_FILE": str(index)})


def _why(patch: Patch, stderr: str, folder: str) -> str:
    failed = _FAILED.search(stderr)
    if failed is None:
        error = _ERROR.search(stderr)
        return error["text"].removeprefix(folder).replace(" in index", "") if error else "conflicts"
    return place_of(patch, failed["path"].removeprefix(folder), int(failed["line"]))


def place_of(patch: Patch, path: str, line: int) -> str:
    """For people: which hunk of a patch begins at a line of a file."""
    hunks = next((change.hunks for change in patch.changes if change.path == path), ())
    number = next((number for number, hunk in enumerate(hunks, start=1) if hunk.start == line), None)
    return f"{path}, hunk {number} of {len(hunks)} (line {line})" if number else f"{path}, line {line}"
