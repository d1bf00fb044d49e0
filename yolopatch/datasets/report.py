"""What the check of a data set found, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

TINY = 10  # pixels: objects whose longer side is shorter
SMALL, MEDIUM = 32**2, 96**2  # pixels: COCO's limits of area


@dataclass
class SplitCount:
    """Pictures and objects of one split; sizes in pixels of the pictures on the disk."""

    pictures: int = 0
    backgrounds: int = 0
    objects: int = 0
    tiny: int = 0
    small: int = 0
    medium: int = 0
    large: int = 0
    by_class: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Sequence[str]) -> SplitCount:
        """Nothing counted yet, and every class at 0."""
        return cls(by_class=dict.fromkeys(names, 0))

    def add(self, name: str, width: float, height: float) -> None:
        """Count one object of the class `name`, sides in pixels. Tiny ones are small ones too."""
        area = width * height
        self.objects += 1
        self.tiny += max(width, height) < TINY
        self.small += area < SMALL
        self.medium += SMALL <= area < MEDIUM
        self.large += area >= MEDIUM
        self.by_class[name] += 1


@dataclass(frozen=True)
class DatasetReport:
    """The answer of a check, one line a finding.

    `problems` are defects of pictures and labels. `not_portable` says what in the YAML itself keeps one of the YOLOs
    from reading it as it stands (`rewrite` makes one that all read). `notes` may be meant so.
    """

    source: Path
    names: tuple[str, ...]
    splits: dict[str, SplitCount]
    problems: tuple[str, ...]
    not_portable: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether all four YOLOs accept the set as it stands."""
        return not self.problems and not self.not_portable

    def to_json(self) -> dict[str, Any]:
        """The same, for `json.dumps`."""
        return {
            "source": str(self.source),
            "ok": self.ok,
            "names": list(self.names),
            "splits": {split: asdict(count) for split, count in self.splits.items()},
            "problems": list(self.problems),
            "not_portable": list(self.not_portable),
            "notes": list(self.notes),
        }
