"""The real templates and variants, as the tests of this folder see them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from yolopatch.render import RenderValues, render

TEMPLATES = Path(__file__).parents[2] / "templates"
HEADS = ("p3-p5", "p2-p5")
VARIANTS: dict[str, dict[str, Any]] = {
    variant["name"]: variant
    for variant in yaml.safe_load((TEMPLATES / "variants.yaml").read_text(encoding="utf-8"))["variants"]
}
ENTRY_POINTS = sorted(path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.glob("*/*.yaml.j2"))


def values(variant: str = "revcol-s", head: str = "p3-p5", template: str = "v7/idetect.yaml.j2") -> RenderValues:
    """What `apply` would pass on for a variant of `variants.yaml`."""
    data = VARIANTS[variant]
    return RenderValues(
        title=template.partition("/")[0].replace("v", "YOLOv"),
        variant=variant,
        channels=tuple(data["channels"]),
        blocks=tuple(data["blocks"]),
        columns=data["columns"],
        neck=tuple(data["neck"]),
        neck_depth=data["neck_depth"],
        drop_path=data["drop_path"],
        options=data.get("options", {}),
        head=head,
    )


@cache
def shipped(template: str, variant: str, head: str) -> str:
    """The rendering of a shipped template, made once for all the tests that look at it."""
    return render(TEMPLATES, template, values(variant, head, template))


@cache
def shipped_rows(template: str, variant: str, head: str) -> list[list[Any]]:
    """The rows of `shipped`, read back."""
    model = yaml.safe_load(shipped(template, variant, head))
    return [*model["backbone"], *model["head"]]
