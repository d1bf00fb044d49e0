"""A few renderings, kept whole. To write them anew after a change of the templates:

YOLOPATCH_REGENERATE=1 python -m pytest tests/render/test_render_golden.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from render_cases import TEMPLATES, values

from yolopatch.render import render

GOLDEN = Path(__file__).parent / "golden"
CASES = [
    ("v5/detect.yaml.j2", "revcol-s", "p2-p5"),
    ("v7/idetect.yaml.j2", "revcol-s", "p3-p5"),
    ("v7/iauxdetect.yaml.j2", "revcol-n", "p2-p5"),
    ("v8/detect.yaml.j2", "revcol-a", "p3-p5"),
    ("v9/dualddetect.yaml.j2", "revcol-t", "p3-p5"),
    ("v10/v10detect.yaml.j2", "revcol-a", "p2-p5"),
    ("v10/v10detect.yaml.j2", "revcol-t", "p3-p5"),
]


@pytest.mark.parametrize(("template", "variant", "head"), CASES)
def test_the_rendering_is_the_one_we_keep(template: str, variant: str, head: str) -> None:
    text = render(TEMPLATES, template, values(variant, head, template))
    name = f"{template.removesuffix('.yaml.j2').replace('/', '-')}-{variant}-{head}.yaml"
    if os.environ.get("YOLOPATCH_REGENERATE"):
        (GOLDEN / name).write_text(text, encoding="utf-8", newline="\n")
    assert text == (GOLDEN / name).read_bytes().decode()
