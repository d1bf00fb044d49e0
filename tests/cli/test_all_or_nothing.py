"""Killed, raced or out of disk: the destination is absent or complete, and the next run succeeds."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest

APPLY = ("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none")
NAME = "yolotiny-revcol-x"


def start(environment, work, *args):
    command = [sys.executable, "-m", "yolopatch", *APPLY, *args]
    return subprocess.Popen(
        command, cwd=work, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def is_complete(folder) -> bool:
    lock = folder / "yolopatch.lock"
    return (
        lock.is_file()
        and not subprocess.run(
            ["git", "status", "--porcelain"], cwd=folder, capture_output=True, text=True, check=True
        ).stdout
    )


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_at_any_moment_leaves_all_or_nothing(run, environment, work, tmp_path):
    started = time.monotonic()
    assert run(*APPLY, env={"YOLOPATCH_CACHE": str(tmp_path / "timing")}).returncode == 0
    whole = time.monotonic() - started
    subprocess.run(["rm", "-rf", str(work / NAME)], check=True)
    for step in range(14):
        process = start(environment, work)
        time.sleep(whole * step / 12)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if (work / NAME).exists():
            assert is_complete(work / NAME)
            subprocess.run(["rm", "-rf", str(work / NAME)], check=True)
    done = run(*APPLY)
    assert done.returncode == 0, done.stderr
    assert is_complete(work / NAME)
    assert [path.name for path in work.iterdir()] == [NAME]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_kill_while_a_workspace_is_replaced_never_loses_both(run, environment, work):
    assert run(*APPLY).returncode == 0
    started = time.monotonic()
    assert run(*APPLY, "--nc", "5", "--force").returncode == 0
    whole = time.monotonic() - started
    for step in range(8):
        process = start(environment, work, "--force", "--nc", str(10 + step))
        time.sleep(whole * (0.3 + step / 10))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        done = run(*APPLY, "--nc", "99", "--dest", NAME)
        # Either there was a whole workspace (refused: it has another nc), or a new one is made.
        assert done.returncode in (0, 2), done.stderr
        assert is_complete(work / NAME)


def test_eight_at_once_on_one_empty_cache_all_succeed_with_one_fetch(environment, work):
    processes = [start(environment, work, "--dest", f"w{number}") for number in range(8)]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, outputs
    assert sum("fetching" in stderr for _, stderr in outputs) == 1
    locks = {(work / f"w{number}" / "yolopatch.lock").read_text() for number in range(8)}
    assert len(locks) == 1


def test_eight_at_once_at_one_destination(environment, work):
    processes = [start(environment, work) for _ in range(8)]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, outputs
    assert sum("is up to date" in stdout for stdout, _ in outputs) == 7
    assert is_complete(work / NAME)


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here (needs root)")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_at_the_destination_is_one_line_and_leaves_nothing(run, small_disk):
    done = run(*APPLY, "-q", "--dest", str(small_disk / "ws"))
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert "no space left" in done.stderr.lower()
    assert not any(small_disk.iterdir())


def test_a_full_disk_under_the_cache_is_one_line(run, small_disk, work):
    (small_disk / "filler").write_bytes(b"x" * 90_000)
    done = run(*APPLY, "-q", env={"YOLOPATCH_CACHE": str(small_disk)})
    assert (done.returncode, done.stderr.count("\n")) == (3, 1), done.stderr
    assert "YOLOPATCH_CACHE" in done.stderr
    assert not any(work.iterdir())


def test_a_cache_that_is_a_file_is_one_line(run, tmp_path, work):
    (tmp_path / "file").write_text("x")
    done = run(*APPLY, env={"YOLOPATCH_CACHE": str(tmp_path / "file")})
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "YOLOPATCH_CACHE" in done.stderr
    assert not any(work.iterdir())
