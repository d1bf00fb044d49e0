"""Reads upstream's output as it comes: how far the epoch is, and the lines that our own terms print."""

from __future__ import annotations

import re
from dataclasses import dataclass

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_SPLIT = re.compile(r"[\r\n]+")
_GIGA = {"K": 1e3, "M": 1e6, "G": 1e9, "": 1e9}
# `     3/99     1.24G   0.0512   0.0213 ...  640:  45%|####  ...`: the form is that of all four YOLOs.
_BAR = re.compile(r"^\s*(\d+)/(\d+)\s+([\d.]+(?:e[+-]?\d+)?)([KMG]?)(?:iB|B)?\s+(.*?)(?::\s|$)")
_HEADER = re.compile(r"^\s*Epoch\s+gpu_mem\b", re.IGNORECASE)
_PERCENT = re.compile(r"(\d+)%")
_SUPERVISION = re.compile(r"supervision: epoch (\d+)/(\d+)((?: \w+ [-+.\deEnaif]+)*)")


@dataclass(frozen=True)
class Bar:
    """One state of upstream's progress bar. `epoch` counts from 1; `memory` is the GPU's, in bytes."""

    epoch: int
    memory: int
    losses: tuple[str, ...]
    share: float
    """How much of the epoch's training is done, 0 to 1."""


@dataclass(frozen=True)
class Terms:
    """The supervision's terms of one epoch (counted from 1), by name."""

    epoch: int
    values: dict[str, float]


@dataclass(frozen=True)
class Header:
    """The line above an epoch's bar: the epoch begins."""


Said = Bar | Terms | Header


class Reader:
    """Cuts upstream's output into lines and tells what they say."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._rest = ""

    def feed(self, text: str) -> list[Said]:
        """What the whole lines of `text` say, and of what came before it."""
        *lines, self._rest = _SPLIT.split(self._rest + text)
        return [said for line in lines if (said := self._read(plain(line))) is not None]

    def _read(self, line: str) -> Said | None:
        if _HEADER.match(line):
            return Header()
        terms = _SUPERVISION.search(line)
        if terms:
            words = terms.group(3).split()
            values = {name: _number(value) for name, value in zip(words[::2], words[1::2], strict=True)}
            return Terms(int(terms.group(1)), values)
        bar = _BAR.match(line)
        percent = _PERCENT.search(line)
        if not bar or not percent:
            return None
        first, second, amount, unit, losses = bar.groups()
        # Some count epochs from 0 and print the last one's number, some from 1.
        epoch = int(first) + self._epochs - int(second)
        memory = int(float(amount) * _GIGA[unit])
        return Bar(epoch, memory, tuple(losses.split()), min(int(percent.group(1)), 100) / 100)


def plain(line: str) -> str:
    """A line without colours."""
    return _ANSI.sub("", line)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
