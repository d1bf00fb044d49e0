"""Every question that was ever asked, with git's answer: a patch, and the blob ids of the files that it touches."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from yolopatch.series.foresight import Foresight
from yolopatch.series.patchfile import Patch
from yolopatch.series.trial import Answer, Bench, Files, How, Question
from yolopatch.workspace.files import write_files

_FORMAT = 1
_AT_ONCE = 40  # questions of one index


class Ledger:
    """Answers from a file, from what can be foreseen, and else from git, on all cores."""

    def __init__(self, file: Path, bench: Bench, patches: Iterable[Patch]) -> None:
        """`patches`: all that will be asked about."""
        self._file = file
        self._bench = bench
        self._foresight = Foresight(patches)
        self._known: dict[str, Answer] = {}
        self._digests: dict[Path, str] = {}
        self.asked = 0
        """How many questions git was asked."""
        self.told: Callable[[int], None] = lambda asked: None
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, KeyError):  # a damaged file is none
            saved = json.loads(file.read_text(encoding="utf-8"))
            if saved["format"] == _FORMAT:
                self._known = {key: _read_answer(value) for key, value in saved["answers"].items()}

    def answers(self, how: How, questions: Iterable[tuple[Patch, Files]]) -> list[Answer]:
        """The answer to each question, in order."""
        asked = [(self._key(how, patch, files), patch, files) for patch, files in questions]
        open_ones = {key: (patch, files) for key, patch, files in asked if key not in self._known}
        self._learn(files for _, files in open_ones.values())
        for key, (patch, files) in list(open_ones.items()):
            foreseen = self._foreseen(how, patch, files)
            if foreseen is not None:
                self._known[key] = foreseen
                del open_ones[key]
        self._ask(how, list(open_ones.items()))
        return [self._known[key] for key, _, _ in asked]

    def save(self) -> None:
        """Write the file anew, whole or not at all; `OSError` is the caller's to explain."""
        answers = {key: _write_answer(answer) for key, answer in self._known.items()}
        write_files({self._file: json.dumps({"format": _FORMAT, "answers": answers}).encode()})

    def _foreseen(self, how: How, patch: Patch, files: Files) -> Answer | None:
        if how == "apply":
            why = self._foresight.why_not(patch, files)
            return Answer(False, why=why) if why is not None else None
        if how == "there" and not self._foresight.may_be_there(patch, files):
            return Answer(False)
        return None

    def _learn(self, all_files: Iterable[Files]) -> None:
        blobs = dict.fromkeys(blob for files in all_files for _, _, blob in files)
        new = [blob for blob in blobs if not self._foresight.knows(blob)]
        for blob, content in self._bench.read(new) if new else ():
            self._foresight.learn(blob, content)

    def _ask(self, how: How, questions: Sequence[tuple[str, tuple[Patch, Files]]]) -> None:
        parts = [questions[start : start + _AT_ONCE] for start in range(0, len(questions), _AT_ONCE)]
        lock, stop = threading.Lock(), threading.Event()

        def run(part: Sequence[tuple[str, tuple[Patch, Files]]]) -> None:
            if stop.is_set():
                return
            answers = self._bench.ask([Question(patch, how, files) for _, (patch, files) in part])
            with lock:
                self._known.update(zip((key for key, _ in part), answers, strict=True))
                self.asked += len(part)
                self.told(self.asked)

        if not parts:
            return
        with ThreadPoolExecutor(max(1, min(os.cpu_count() or 1, 8, len(parts)))) as pool:
            try:
                for future in [pool.submit(run, part) for part in parts]:
                    future.result()
            except BaseException:
                stop.set()
                raise

    def _key(self, how: How, patch: Patch, files: Files) -> str:
        if patch.file not in self._digests:
            self._digests[patch.file] = hashlib.sha256(patch.file.read_bytes()).hexdigest()
        text = json.dumps([how, self._digests[patch.file], files])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _write_answer(answer: Answer) -> list[object]:
    return [answer.yes, answer.offset, answer.why, answer.files]


def _read_answer(value: list[object]) -> Answer:
    yes, offset, why, files = value
    return Answer(bool(yes), bool(offset), str(why), tuple(tuple(entry) for entry in files))  # type: ignore[attr-defined]
