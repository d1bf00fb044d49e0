"""Places in a list of patches, what may fill them, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from yolopatch.series.patchfile import Patch

State = Literal["exact", "offset", "upstream", "absent", "3-way", "fails"]
STATES: tuple[State, ...] = ("exact", "offset", "upstream", "absent", "3-way", "fails")
"""Applies where it says; some lines away; not needed, since upstream has the change; not needed, since upstream has no
such file; applies only by a 3-way merge with the files that it was made on; not at all."""
APPLIES: tuple[State, ...] = ("exact", "offset")
"""The states in which there is something to apply."""
FITS: tuple[State, ...] = (*APPLIES, "upstream", "absent")
"""The states in which `apply` gets what it needs."""


@dataclass(frozen=True)
class Slot:
    """A place in an ordered list of patches: the patch, and what may stand in for it where it does not apply."""

    patch: Patch
    others: tuple[Patch, ...] = ()
    optional: bool = False
    """Whether it is not needed where upstream has no such file."""
    ours: bool = True
    """Of a `revcol` series, not of a `compat` one."""

    @property
    def choices(self) -> tuple[Patch, ...]:
        """The patch and its stand-ins, in the order in which they are tried."""
        return (self.patch, *self.others)

    @property
    def paths(self) -> frozenset[str]:
        """The files that its choices touch."""
        return frozenset(change.path for patch in self.choices for change in patch.changes)


@dataclass(frozen=True)
class Outcome:
    """What became of a slot at a commit."""

    state: State
    why: str = ""
    """Where the patch itself does not apply: the file, the hunk and its line."""
    used: int | None = 0
    """Which of the slot's choices applied; None where none did."""
