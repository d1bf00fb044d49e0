"""What a template may know."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yolopatch.errors import RequestError

Option = float | int | str | bool | Mapping[str, Any]

_LEVELS = {"p3-p5": (3, 4, 5), "p2-p5": (2, 3, 4, 5)}


@dataclass(frozen=True)
class RenderValues:
    """The numbers of one model; every tuple of four is per level (strides 4, 8, 16, 32).

    `title` is the YOLO's name in the header (`YOLOv7`), `neck` the widths that the detection
    head gets at each stride, `options` what the RevCol row says beside `drop_path`.
    """

    title: str
    variant: str
    channels: tuple[int, int, int, int]
    blocks: tuple[int, int, int, int]
    columns: int
    neck: tuple[int, int, int, int]
    neck_depth: int = 1
    drop_path: float = 0.0
    options: Mapping[str, Option] = field(default_factory=dict)
    nc: int = 80
    head: str = "p3-p5"

    def context(self) -> dict[str, Any]:
        """The template's variables, checked.

        Raises:
            RequestError: a number is out of range, the head is unknown, or a text is no plain line.
        """
        self._check()
        options = dict(self.options)
        if self.drop_path:
            options = {"drop_path": self.drop_path, **options}
        return {
            "title": self.title,
            "variant": self.variant,
            "channels": list(self.channels),
            "blocks": list(self.blocks),
            "columns": self.columns,
            "options": options,
            "neck": list(self.neck),
            "neck_depth": self.neck_depth,
            "nc": self.nc,
            "head": self.head,
            "levels": list(_LEVELS[self.head]),
        }

    def _check(self) -> None:
        if self.head not in _LEVELS:
            raise RequestError(f"no head '{self.head}'; choose one of {', '.join(_LEVELS)}")
        if self.nc < 1:
            raise RequestError(f"the number of classes is {self.nc}; give 1 or more")
        for what, text in (("title", self.title), ("variant", self.variant)):
            # Both stand in a comment of the YAML, where a line break would end the comment.
            if not re.fullmatch(r"[ -~]+", text):
                raise RequestError(f"the {what} {text!r} is not one line of plain ASCII text")
