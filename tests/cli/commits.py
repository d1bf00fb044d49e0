"""What a maintainer does to the commits of a workspace, by real git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

APPLY = ("apply", "--yolo", "tiny", "--variant", "revcol-x", "--verify", "none")
NAME = "yolotiny-revcol-x"
MAKE = (*APPLY, "--dest")
MINE = ("--series", "mine", "--to", "lab")
HELLO, REGISTER, PAYLOAD, MODELS = range(4)
"""The commits of a workspace from the oldest."""
TRAILERS = "\n\nBecause.\n\nKind: ours\nApplies-to: v1\nLicense: MIT"


def git(folder: Path, *args: str, check: bool = True, **env: str) -> str:
    """Git as a user with an empty home runs it; its output."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_EDITOR": "true", **env}
    identity = ["-c", "user.name=Ann", "-c", "user.email=ann@localhost"]
    done = subprocess.run(
        ["git", *identity, *args], cwd=folder, env={**clean, **settings}, capture_output=True, text=True
    )
    assert done.returncode == 0 or not check, done.stderr
    return done.stdout.strip()


def base(folder: Path) -> str:
    """The commit of upstream's tree."""
    return git(folder, "rev-list", "--max-parents=0", "HEAD")


def subjects(folder: Path) -> list[str]:
    """Of all commits on top of upstream's tree, oldest first."""
    return git(folder, "log", "--reverse", "--format=%s", f"{base(folder)}..HEAD").splitlines()


def rebase(folder: Path, *order: int, **env: str) -> None:
    """Put the commits into another order, by their numbers from the oldest; those not named are dropped."""
    ids = git(folder, "rev-list", "--reverse", f"{base(folder)}..HEAD").splitlines()
    todo = folder / ".git" / "wanted"
    todo.write_text("".join(f"pick {ids[number]}\n" for number in order))
    git(folder, "rebase", "-q", "-i", base(folder), GIT_SEQUENCE_EDITOR=f"cp {todo}", **env)


def amend(folder: Path, number: int, message: str | None = None, files: dict[str, str] | None = None) -> None:
    """Amend the commit of that number from the oldest: new contents of `files`, a new message."""
    tip = git(folder, "rev-parse", "HEAD")
    ids = git(folder, "rev-list", "--reverse", f"{base(folder)}..HEAD").splitlines()
    git(folder, "reset", "-q", "--hard", ids[number])
    write(folder, files or {})
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--amend", *(["-m", message] if message else ["--no-edit"]))
    if ids[number] != tip:
        git(folder, "cherry-pick", f"{ids[number]}..{tip}")


def commit(folder: Path, message: str, files: dict[str, str]) -> None:
    """Commit new contents on top."""
    write(folder, files)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def write(folder: Path, files: dict[str, str]) -> None:
    """Write files."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder: Path) -> dict[str, bytes]:
    """All files below a folder by name."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def states(document: dict[str, Any]) -> dict[str, str]:
    """The state of each patch by its name."""
    return {patch["name"]: patch["state"] for patch in document["patches"]}


def hello(workspace: Path, text: str = "hello, edited") -> dict[str, str]:
    """The file as the first commit has it, with another greeting."""
    file = git(workspace, "show", f"{base(workspace)}:models/yolo.py")
    return {"models/yolo.py": f"print('{text}')\n\n\n{file}\n"}


# As the command, with the number of files that are renamed before the process kills itself as first argument.
KILLED = """
import os, signal, sys
from yolopatch.cli.main import main

left = int(sys.argv.pop(1))
replace = os.replace

def counted(*args):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    replace(*args)

os.replace = counted
main()
"""
