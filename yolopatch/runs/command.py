"""Builds the command line of one of upstream's programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from yolopatch.errors import RequestError
from yolopatch.runs.spec import Option, Program, Words


@dataclass(frozen=True)
class Launch:
    """How many processes share the training, on how many machines (torchrun's arguments)."""

    processes: int = 1
    machines: int = 1
    rank: int = 0
    master: str | None = None
    """Address and port of machine 0."""

    @property
    def distributed(self) -> bool:
        """Whether torchrun is needed."""
        return self.processes * self.machines > 1

    def words(self) -> tuple[str, ...]:
        """The launcher's part of the command line, behind the interpreter."""
        if self.machines == 1:
            where: tuple[str, ...] = ("--standalone",)
        else:
            address, _, port = (self.master or "").rpartition(":")
            where = (
                *("--nnodes", str(self.machines), "--node-rank", str(self.rank)),
                *("--master-addr", address, "--master-port", port),
            )
        return ("-m", "torch.distributed.run", *where, "--nproc-per-node", str(self.processes))


def command_line(
    program: Program,
    tree: Path,
    python: str,
    values: Mapping[Option, str],
    *,
    script: tuple[str, ...] = (),
    further: Sequence[str] = (),
    launch: Launch | None = None,
    without: Sequence[str] = (),
) -> list[str]:
    """The words that start `program` in `tree`; `further` come last, so that they win.

    `script` are a form's own places of the script. An option that `values` does not have is left out, and so
    are those of the program's fixed arguments that `without` names.

    Raises:
        RequestError: the tree has none of the places of the program.
    """
    arguments = [*program.words, *(word for word in program.always if word not in without)]
    for option, value in values.items():
        arguments += _filled(program.options.get(option, ()), value)
    arguments += further
    start = _start(program, tree, script)
    if launch is None or not launch.distributed:
        return [python, *start, *arguments]
    if start[0] == "-c":  # torchrun starts a file; told not to, any program
        return [python, *launch.words(), "--no-python", python, *start, *arguments]
    return [python, *launch.words(), *start, *arguments]


def overridden(words: Sequence[str], by: Sequence[str]) -> list[str]:
    """`words` followed by `by`, without the arguments of `words` that `by` gives again.

    An argument is `--flag` with the values behind it, `--flag=value`, or `key=value`.
    """
    again = {_key(word) for word in by if _names(word)}
    kept: list[str] = []
    skipping = False
    for word in words:
        if _names(word):
            skipping = _key(word) in again
        if not skipping:
            kept.append(word)
    return [*kept, *by]


def _key(word: str) -> str:
    return word.partition("=")[0]


def controlled(program: Program, option: Option) -> tuple[str, ...]:
    """All that upstream calls `option`: `--epochs`, or `epochs=` of a program that takes pairs."""
    words = (*program.options.get(option, ()), *program.aliases.get(option, ()))
    return tuple(f"{word.partition('=')[0]}=" if "=" in word else word for word in words if _names(word))


def _names(word: str) -> bool:
    return word.startswith("--") or "=" in word


def _filled(words: Words, value: str) -> list[str]:
    path = Path(value)
    return [word.format(value=value, parent=path.parent, name=path.name) for word in words]


def _start(program: Program, tree: Path, script: tuple[str, ...]) -> tuple[str, ...]:
    if program.script:
        return (_first(script or program.script, tree),)
    module, _, function = _first_entry(program.entry, tree).partition(":")
    # `python -c` puts the current folder before site-packages: the tree's own package is the one that runs.
    return ("-c", f"from {module} import {function}; {function}()")


def _first(places: tuple[str, ...], tree: Path) -> str:
    found = next((place for place in places if (tree / place).is_file()), None)
    if found is None:
        raise RequestError(f"{tree} has no {' or '.join(places)}; apply again into a new --dest")
    return found


def _first_entry(places: tuple[str, ...], tree: Path) -> str:
    for place in places:
        path = tree.joinpath(*place.partition(":")[0].split("."))
        if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
            return place
    raise RequestError(f"{tree} has none of {', '.join(places)}; apply again into a new --dest")
