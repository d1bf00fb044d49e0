"""The blocks of a page, run: which of them are run where, by their marks, and how."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.docs.shell import PAGES, ROOT, Block, fences
from yolopatch.catalog import Catalog

# What a block needs that has the mark. A test of a page runs all blocks that need no more than it has.
MARKS: dict[str, frozenset[str]] = {
    "run": frozenset(),
    "run: upstream": frozenset({"registry"}),
    "run: mirrors": frozenset({"mirrors"}),
    "run: long": frozenset({"registry", "long"}),
    "run: long, mirrors": frozenset({"registry", "long", "mirrors"}),
}
CI = "run: ci"  # .ci/run takes the block from the README
FILE, NOT_RUN = "file: ", "not run: "
ENGLISH = [page for page in PAGES if not page.name.endswith(".zh-CN.md")]  # the Chinese ones have the same commands


@dataclass(frozen=True)
class Sitting:
    """The blocks of a page that are run one after the other with what `mark` needs."""

    page: Path
    mark: str

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}, {self.mark}"

    @property
    def text(self) -> str:
        """One script, which says on stderr where it is."""
        parts = []
        for number, block in enumerate(fences(self.page), 1):
            if block.mark.startswith(FILE) or MARKS.get(block.how, frozenset({"never"})) <= MARKS[self.mark]:
                parts += [f"echo '>>> block {number}' >&2", block.prepare, _shell(block)]
        return "\n".join(parts)


# interrupt RUN COMMAND ...: a training that is ended when its folder RUN has the row of an epoch.
_INTERRUPT = """run=$1
shift
"$@" &
while kill -0 $! && [ "$(cat "$run/results.csv" 2> /dev/null | wc -l)" -lt 2 ]; do sleep 0.2; done
kill $! && ! wait $!"""


def sittings(*marks: str) -> list[Sitting]:
    """Of all pages that have a block with one of the marks."""
    return [Sitting(page, mark) for mark in marks for page in ENGLISH if mark in [block.how for block in fences(page)]]


def _shell(block: Block) -> str:
    if block.mark.startswith(FILE):
        return f"cat > {block.mark.removeprefix(FILE)} <<'END_OF_FILE'\n{block.text}END_OF_FILE\n"
    if block.language == "python":
        return f"python - <<'END_OF_FILE'\n{block.text}END_OF_FILE\n"
    if block.exits:
        return f"code=0\n(\n{block.text}) || code=$?\n[ $code = {block.exits} ]\n"
    return block.text


def run(text: str, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run shell text in `folder`, where `yolopatch` is the one that is tested, in .venv/bin too."""
    programs = folder / "bin"
    programs.mkdir()
    for name, lines in _programs().items():
        (programs / name).write_text(f"#!/bin/sh\n{lines}\n")
        (programs / name).chmod(0o755)
    work = folder / "work"
    (work / ".venv").mkdir(parents=True)
    (work / ".venv" / "bin").symlink_to(programs)
    path = f"{programs}{os.pathsep}{environment['PATH']}"
    who = {f"GIT_{role}_{key}": "reader" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    given = {**environment, **who, "PATH": path, "GIT_EDITOR": "true", "CHECKOUT": str(ROOT)}
    shell = ["bash", "-euo", "pipefail", "-c", text]
    return subprocess.run(shell, cwd=work, env=given, capture_output=True, text=True)


def _programs() -> dict[str, str]:
    python = f'PYTHONPATH="$CHECKOUT" exec "{sys.executable}"'
    # A training whose example names no number of epochs, 100 by default, gets two.
    short = 'case " $* " in *" --epochs "* | *" --resume "*) ;; " train "*) shift; set -- train --epochs 2 "$@" ;; esac'
    return {
        "yolopatch": f'{short}\n{python} -m yolopatch "$@"',
        "python": f'{python} "$@"',
        "pip": f'{python} -m pip "$@"',
        "interrupt": _INTERRUPT,
    }


def by_mirrors(folder: Path) -> dict[str, str]:
    """An environment in which git takes the bare repositories of `folder` for the addresses of upstream."""
    catalog = Catalog()
    found = [(name, (folder / f"{name}.git").resolve()) for name in catalog.yolos]
    pairs = [(catalog.upstream(name).repository, path.as_uri()) for name, path in found if path.is_dir()]
    given = {"MIRRORS": str(folder.resolve()), "GIT_CONFIG_COUNT": str(len(pairs))}
    for number, (address, mirror) in enumerate(pairs):
        given |= {f"GIT_CONFIG_KEY_{number}": f"url.{mirror}.insteadOf", f"GIT_CONFIG_VALUE_{number}": address}
    return given
