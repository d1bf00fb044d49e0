"""The only module that runs git.

Two ways to run it. Local work (the default) sees nothing of the user: no configuration, hooks,
templates, signing or stray `GIT_*` variables, so that the same inputs give the same commit on
every machine. Network work (`user_config=True`) reads the user's configuration as well, because
that is where `insteadOf`, proxies and credentials stand; hooks, templates and filters stay off.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolopatch.errors import EnvironmentFailed, YolopatchError
from yolopatch.git_isolation import (
    FIXED_ENVIRONMENT,
    IDENTITY_EMAIL,
    IDENTITY_NAME,
    LOCAL_ENVIRONMENT,
    NETWORK_ENVIRONMENT,
    NETWORK_SETTINGS,
    SETTINGS,
    is_stray,
)
from yolopatch.interrupts import HeldInterrupts

if TYPE_CHECKING:
    from git.cmd import Git

MINIMUM_VERSION = (2, 32)  # GIT_CONFIG_GLOBAL; fetch --stdin came with 2.29

__all__ = ["IDENTITY_EMAIL", "IDENTITY_NAME", "BytesResult", "GitError", "GitTimeout", "Result", "run", "run_bytes"]

ProgressCallback = Callable[[str, float, "float | None"], None]
"""Called with the stage ("Receiving objects"), how many are done, and how many there are."""

_start_lock = threading.Lock()


@dataclass(frozen=True)
class Result:
    """What a git command gave, as text (UTF-8; other bytes are kept as surrogates)."""

    status: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class BytesResult:
    """What a git command gave, stdout as bytes."""

    status: int
    stdout: bytes
    stderr: str


class GitError(YolopatchError):
    """A git command failed; the message is git's own, shortened, `detail` has all of it."""

    kind = "git"

    def __init__(self, args: Sequence[str], result: BytesResult) -> None:
        command = _command_name(args)
        super().__init__(f"git {command}: {shorten(result.stderr)}", detail=redact(result.stderr.strip()) or None)
        self.status = result.status
        self.stderr = result.stderr
        self.stdout = result.stdout


class GitTimeout(EnvironmentFailed):
    """A git command took longer than it was given."""


def run(
    args: Sequence[str | Path],
    *,
    cwd: str | Path | None = None,
    input: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    user_config: bool = False,
    check: bool = True,
    timeout: float | None = None,
    progress: ProgressCallback | None = None,
) -> Result:
    """Run `git ARGS` and give its output as text. Arguments: see `run_bytes`."""
    result = run_bytes(
        args,
        cwd=cwd,
        input=input,
        env=env,
        user_config=user_config,
        check=check,
        timeout=timeout,
        progress=progress,
    )
    return Result(result.status, _text(result.stdout), result.stderr)


def run_bytes(
    args: Sequence[str | Path],
    *,
    cwd: str | Path | None = None,
    input: str | bytes | None = None,
    env: Mapping[str, str] | None = None,
    user_config: bool = False,
    check: bool = True,
    timeout: float | None = None,
    progress: ProgressCallback | None = None,
) -> BytesResult:
    """Run `git ARGS` and give its stdout as bytes.

    `env` is added to the clean environment (dates of commits, say). `user_config=True` is for
    calls that use the network. `progress` is called as git prints progress; pass `--progress`
    in `args` too. `timeout` is in seconds.

    Raises `GitError` when git fails and `check` is true, `GitTimeout` when it takes too long,
    `EnvironmentFailed` when there is no git or it is too old.
    """
    argv = [os.fspath(arg) for arg in args]
    require_git()
    if cwd is not None and not Path(cwd).is_dir():
        raise FileNotFoundError(f"no such folder: {cwd}")  # GitPython would run in the present one instead
    data = input.encode("utf-8", "surrogateescape") if isinstance(input, str) else input
    held = HeldInterrupts()
    try:
        holder = _start(argv, cwd, env or {}, user_config)
    except BaseException:
        held.release()
        raise
    process = holder.proc
    assert process is not None
    try:
        held.release()
        stdout, stderr = _communicate(process, data, timeout, progress)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        raise GitTimeout(f"git {_command_name(argv)} did not finish within {timeout:g} seconds") from None
    except BaseException:
        _kill_group(process)
        raise
    finally:
        holder.proc = None
    result = BytesResult(process.returncode, stdout, _text(stderr))
    if check and result.status != 0:
        raise GitError(argv, result)
    return result


_VAGUE = re.compile(r"Could not read from remote repository|remote end hung up|early EOF|index-pack failed", re.I)


def shorten(stderr: str) -> str:
    """The one line of git's error output that says why, without passwords."""
    lines = [line.strip() for line in stderr.replace("\r", "\n").splitlines()]
    lines = [line for line in lines if line and not line.startswith(("warning:", "hint:"))]
    telling = [line for line in lines if line.startswith(("fatal:", "error:", "ERROR:", "remote: error"))]
    clear = [line for line in telling or lines if not _VAGUE.search(line)]
    others = [line for line in lines if not _VAGUE.search(line)]  # "ssh: connect to host ...", say
    line = (clear or others or telling or ["no message"])[0]
    return redact(re.sub(r"^(remote: )?(fatal|error|ERROR): ", "", line))[:300]


def redact(text: str) -> str:
    """The text without the user name and password of any URL in it."""
    return re.sub(r"(\w+://)[^/@\s]+@", r"\1", text)


@lru_cache(maxsize=1)
def require_git() -> tuple[int, ...]:
    """The version of git.

    Raises `EnvironmentFailed` when git is missing or older than `MINIMUM_VERSION`.
    """
    try:
        holder = _start(["version"], None, {}, False)
        stdout = holder.proc.communicate()[0] if holder.proc else b""
    except (OSError, EnvironmentFailed):
        stdout = b""
    match = re.search(rb"git version (\d+(?:\.\d+)+)", stdout)
    needed = ".".join(map(str, MINIMUM_VERSION))
    if match is None:
        raise EnvironmentFailed(f"git is not installed; install git {needed} or newer and run this again")
    version = tuple(int(part) for part in match[1].decode().split("."))
    if version < MINIMUM_VERSION:
        found = ".".join(map(str, version))
        raise EnvironmentFailed(f"git {found} is too old; install git {needed} or newer and run this again")
    return version


def _start(args: list[str], cwd: str | Path | None, env: Mapping[str, str], user_config: bool) -> Git.AutoInterrupt:
    """The process, in a holder that ends it should it be dropped before its end."""
    git = _gitpython()
    settings = SETTINGS | NETWORK_SETTINGS if user_config else SETTINGS
    command = [git.GIT_PYTHON_GIT_EXECUTABLE or "git"]
    for key, value in settings.items():
        command += ["-c", f"{key}={value}"]
    added = FIXED_ENVIRONMENT | (NETWORK_ENVIRONMENT if user_config else LOCAL_ENVIRONMENT) | dict(env)
    with _without_strays(user_config):
        try:
            # A session of its own: git's helpers (ssh, remote-https) end with it, and none asks on the terminal.
            return git(cwd).execute(
                command + args,
                istream=subprocess.PIPE,
                as_process=True,
                env=added,
                start_new_session=os.name == "posix",
            )
        except Exception as error:
            raise _cannot_start(error) from error


def _cannot_start(error: Exception) -> EnvironmentFailed:
    from git.exc import GitCommandNotFound

    if isinstance(error, GitCommandNotFound):
        return EnvironmentFailed("git is not installed; install git and run this again")
    return EnvironmentFailed(f"git cannot be started: {error}")


def _gitpython() -> type[Git]:
    # Imported when first used: `yolopatch list` needs no git. GitPython would refuse to be
    # imported where there is no git; we say that in our own words.
    if "git.cmd" not in sys.modules:
        before = os.environ.get("GIT_PYTHON_REFRESH")
        os.environ["GIT_PYTHON_REFRESH"] = "quiet"
        try:
            import git.cmd  # noqa: F401
        finally:
            del os.environ["GIT_PYTHON_REFRESH"]
            if before is not None:
                os.environ["GIT_PYTHON_REFRESH"] = before
    from git.cmd import Git

    return Git


@contextmanager
def _without_strays(user_config: bool) -> Iterator[None]:
    """Take the inherited GIT_* variables away while a process starts; GitPython only adds."""
    with _start_lock:
        strays = {name: value for name, value in os.environ.items() if is_stray(name, user_config)}
        for name in strays:
            del os.environ[name]
        try:
            yield
        finally:
            os.environ.update(strays)


def _communicate(
    process: subprocess.Popen[bytes], data: bytes | None, timeout: float | None, progress: ProgressCallback | None
) -> tuple[bytes, bytes]:
    if progress is None:
        return process.communicate(data, timeout)
    stderr = process.stderr
    assert stderr is not None
    process.stderr = None  # communicate() then reads stdout only, and a thread of ours reads this
    said: list[bytes] = []
    reader = threading.Thread(target=_read_progress, args=(stderr, progress, said), daemon=True)
    reader.start()
    try:
        stdout, _ = process.communicate(data, timeout)
    except BaseException:
        _kill_group(process)  # which ends what the reader reads
        raise
    finally:
        reader.join()
        stderr.close()
    return stdout, b"\n".join(said)


def _read_progress(stream: Any, progress: ProgressCallback, said: list[bytes]) -> None:
    handle = _progress_parser(progress)
    pending = b""
    while chunk := stream.read1(65536):
        *lines, pending = re.split(rb"[\r\n]", pending + chunk)
        for line in lines:
            if line.strip() and not handle(line):
                said.append(line)
    if pending.strip() and not handle(pending):
        said.append(pending)


def _progress_parser(progress: ProgressCallback) -> Callable[[bytes], bool]:
    """A function that takes one line of git and says whether it was progress."""
    from git.util import RemoteProgress

    class Parser(RemoteProgress):
        def update(
            self, op_code: int, cur_count: str | float, max_count: str | float | None = None, message: str = ""
        ) -> None:
            stage = (self._cur_line or "").removeprefix("remote: ").partition(":")[0]
            progress(stage, float(cur_count or 0), float(max_count) if max_count else None)

    parser = Parser()

    def handle(line: bytes) -> bool:
        before = len(parser.error_lines) + len(parser.other_lines)
        parser._parse_progress_line(_text(line).rstrip())
        return len(parser.error_lines) + len(parser.other_lines) == before

    return handle


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is not None:
        return  # it has been waited for, and its id may be another's by now
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except (ProcessLookupError, PermissionError):
        pass
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _command_name(args: Sequence[str]) -> str:
    """The subcommand among the arguments: `-C DIR am --3way` is `am`."""
    position = 0
    while position < len(args) and args[position].startswith("-"):
        position += 2 if args[position] in ("-C", "-c", "--git-dir", "--work-tree") else 1
    return args[position] if position < len(args) else "git"


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
