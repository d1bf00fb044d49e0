"""Probes without the seconds that it takes to import torch: forked from a process that has (see probe/nursery.py)."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from .process import PROBE, environment, kill_group


class Forked:
    """A probe that runs, as `subprocess.Popen` has it."""

    def __init__(self, pid: int, nursery: Nursery) -> None:
        self.pid = pid
        self._nursery = nursery
        self._code: int | None = None

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        if self._code is None and self._nursery.speaks():
            self._code = self._nursery.listen().get("code", 1)
        return self._code

    def wait(self) -> int:
        """The exit code, when there is one."""
        if self._code is None:
            self._code = int(self._nursery.listen().get("code", 1))
        return self._code

    def kill(self) -> None:
        """End it."""
        os.kill(self.pid, 9)


class Nursery:
    """The process that probes are forked from; started when it is first needed. One probe at a time.

    Nothing happens where forking is no option: `forked` gives None, and the probe gets a process of its own.
    """

    def __init__(self, python: Path = Path(sys.executable)) -> None:
        self._python = python
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = b""
        self._scratch: Path | None = None

    @property
    def pid(self) -> int | None:
        """The process's id; None where there is none yet."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            kill_group(self._process)
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)

    @contextmanager
    def forked(self, folder: Path, scratch: Path, request: Path, results: Path, log: Path) -> Iterator[Forked | None]:
        """A probe in `folder`; it and all its children are gone afterwards. None where it needs its own process."""
        found = self._ask(
            {
                "folder": str(folder.resolve()),
                "request": str(request),
                "results": str(results),
                "log": str(log),
                "environment": environment(scratch),
                "starter": os.getpid(),
            }
        )
        if found is None:
            yield None
            return
        probe = Forked(found, self)
        try:
            yield probe
        finally:
            kill_group(probe)

    def speaks(self) -> bool:
        """Whether there is an answer to listen to."""
        return b"\n" in self._heard or bool(select.select([self._mouth()], [], [], 0)[0])

    def listen(self) -> dict[str, Any]:
        """The next answer; an empty one where the nursery itself is gone."""
        while b"\n" not in self._heard:
            more = os.read(self._mouth(), 1 << 16)
            if not more:
                self._heard, self._process = b"", None
                return {}
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _ask(self, request: Mapping[str, Any]) -> int | None:
        if not hasattr(os, "fork") or sys.platform == "darwin":  # its system libraries do not outlive a fork
            return None
        if self._process is None or self._process.poll() is not None:
            self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            pid = self.listen().get("pid")
            return None if pid is None else int(pid)
        return None

    def _mouth(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def _start(self) -> None:
        if self._scratch is None:
            self._scratch = Path(tempfile.mkdtemp(prefix="yolopatch-nursery-"))
        self._heard = b""
        with (self._scratch / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._python), "-B", str(PROBE), "--nursery"],
                cwd=self._scratch,
                env=environment(self._scratch),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,  # a line that Python holds back is none that select sees
                start_new_session=True,
            )
