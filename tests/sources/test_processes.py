"""Races and kills with real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.sources.conftest import Listener, Upstream
from yolopatch.sources import Cache, obtain

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs signals and a shell")

_PROGRAM = """
import sys
from pathlib import Path
from yolopatch.console import Reporter
from yolopatch.sources import Cache, GitSource, obtain
url, commit, cache = sys.argv[1:]
tree = obtain("git", GitSource((url,), commit, ("*", "models/")), None, cache=Cache(Path(cache)), reporter=Reporter())
print(len(tree.entries), tree.cached)
"""
_WRAPPER = """#!/bin/sh
echo "$*" >> '{log}'
case "$*" in *upload-pack*) if [ -e '{slow}' ]; then echo $$ > '{slow}'; exec sleep 30; fi ;; esac
exec '{git}' "$@"
"""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `git` first in PATH that writes down what it is asked, and hangs where `slow` exists."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "log"
    text = _WRAPPER.format(log=log, slow=tmp_path / "slow", git=shutil.which("git"))
    (folder / "git").write_text(text)
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return log


def _start(upstream: Upstream, cache: Cache) -> subprocess.Popen[str]:
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, upstream.url, upstream.first, str(cache.root)],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _fetches(log: Path) -> int:
    return sum(" fetch " in line and "--stdin" in line for line in log.read_text().splitlines())


def _ends(pid: int) -> bool:
    """Whether a process ends soon; a zombie has ended, and waits for whoever adopted it."""
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        if status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_eight_at_once_on_an_empty_cache_make_one_fetch(upstream: Upstream, cache: Cache, log: Path) -> None:
    processes = [_start(upstream, cache) for _ in range(8)]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, answers
    assert sorted(out.strip() for out, _ in answers) == ["7 False", *["7 True"] * 7]
    assert _fetches(log) == 1


def test_a_kill_in_the_middle_of_a_fetch_leaves_a_cache_that_works(
    upstream: Upstream, cache: Cache, reporter: Listener, log: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    slow.touch()
    process = _start(upstream, cache)
    deadline = time.monotonic() + 60
    while not slow.read_text().strip() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    os.kill(int(slow.read_text()), signal.SIGKILL)
    slow.unlink()
    assert not (cache.root / "trees").exists()
    left = list((cache.root / "tmp").glob("work-*"))
    assert left
    assert obtain("git", upstream.source(), None, cache=cache, reporter=reporter).entries
    old = time.time() - 1000
    for path in left:
        os.utime(path, (old, old))
    cache.sweep()
    assert not list((cache.root / "tmp").iterdir())


def test_an_interrupt_ends_git_too_and_leaves_nothing(
    upstream: Upstream, cache: Cache, log: Path, tmp_path: Path
) -> None:
    slow = tmp_path / "slow"
    slow.touch()
    process = _start(upstream, cache)
    deadline = time.monotonic() + 60
    while not slow.read_text().strip() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)  # it has come to waiting for git
    os.kill(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert not list((cache.root / "tmp").iterdir())
    assert _ends(int(slow.read_text()))
