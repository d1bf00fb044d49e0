"""Every template that we ship, with every variant and head."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from render_cases import ENTRY_POINTS, HEADS, TEMPLATES, VARIANTS, shipped, shipped_rows, values

from yolopatch.errors import RequestError
from yolopatch.render import render

DETECTORS = {
    "v10/v10detect": "v10Detect",
    "v5/detect": "Detect",
    "v7/detect": "Detect",
    "v7/iauxdetect": "IAuxDetect",
    "v7/idetect": "IDetect",
    "v8/detect": "Detect",
    "v9/ddetect": "DDetect",
    "v9/detect": "Detect",
    "v9/dualddetect": "DualDDetect",
}
WITH_BRANCH = ("v7/iauxdetect.yaml.j2", "v9/dualddetect.yaml.j2")
ANCHORED = tuple(name for name in ENTRY_POINTS if name.startswith(("v5", "v7")))

every_rendering = pytest.mark.parametrize(
    ("template", "variant", "head"),
    [(template, variant, head) for template in ENTRY_POINTS for variant in VARIANTS for head in HEADS],
)
every_template = pytest.mark.parametrize("template", ENTRY_POINTS)


def rows_of(text: str) -> list[list[Any]]:
    model = yaml.safe_load(text)
    return [*model["backbone"], *model["head"]]


def sources(row: list[Any], index: int) -> list[int]:
    """The rows that a row takes from, as absolute numbers; -1 is the image."""
    found = row[0] if isinstance(row[0], list) else [row[0]]
    return [one if one >= 0 else index + one for one in found]


def strides(rows: list[list[Any]]) -> list[int]:
    """The stride of every row's output, worked out from what the rows do; 0 for the list of levels."""
    result: list[int] = []
    for index, (source, _, module, args) in enumerate(rows):
        before = [result[one] for one in sources([source], index)] if index else []
        if module == "RevCol":
            result.append(0)
        elif module == "PickLevel":
            result.append(4 * 2 ** (args[0] % 4))
        elif module == "nn.Upsample":
            result.append(before[0] // 2)
        elif module in ("MP", "ADown") or (module in ("Conv", "SCDown") and args[2] == 2):
            result.append(before[0] * 2)
        else:
            assert module.endswith("Detect") or len(set(before)) == 1, f"row {index} joins strides {before}"
            result.append(before[0])
    return result


def test_every_detection_form_has_a_template() -> None:
    assert [name.removesuffix(".yaml.j2") for name in ENTRY_POINTS] == sorted(DETECTORS)


@every_rendering
def test_the_comment_of_a_row_tells_its_number_and_its_stride(template: str, variant: str, head: str) -> None:
    text = shipped(template, variant, head)
    comments = re.findall(r"^  - \[.*\]\s+# (\d+)(?:\s+P\d/(\d+))?", text[text.index("backbone:") :], re.MULTILINE)
    rows = shipped_rows(template, variant, head)
    assert [int(number) for number, _ in comments] == list(range(len(rows)))
    expected = strides(rows)[1:-1]
    assert [int(stride) for _, stride in comments[1:-1]] == expected


@every_rendering
def test_the_detection_row_gets_one_input_per_stride(template: str, variant: str, head: str) -> None:
    rows = shipped_rows(template, variant, head)
    assert rows[-1][2] == DETECTORS[template.removesuffix(".yaml.j2")]
    found = [strides(rows)[one] for one in rows[-1][0]]
    wanted = [8, 16, 32] if head == "p3-p5" else [4, 8, 16, 32]
    assert found == (wanted * 2 if template in WITH_BRANCH else wanted)


@every_rendering
def test_every_row_is_used(template: str, variant: str, head: str) -> None:
    rows = shipped_rows(template, variant, head)
    used = {one for index, row in enumerate(rows) for one in sources(row, index)}
    assert used == {*range(-1, len(rows) - 1)}


@every_rendering
def test_every_width_is_a_multiple_of_8_so_that_the_parser_keeps_it(template: str, variant: str, head: str) -> None:
    rows = shipped_rows(template, variant, head)
    picky = (
        "Conv",
        "C3",
        "C2f",
        "SPPF",
        "SPPCSPC",
        "SPPELAN",
        "RepConv",
        "RepNCSPELAN4",
        "ADown",
        "PSA",
        "SCDown",
        "C2fCIB",
    )
    odd = [row for row in rows if row[2] in picky and row[3][0] % 8]
    assert not odd


@every_rendering
def test_comments_stand_in_one_column(template: str, variant: str, head: str) -> None:
    text = shipped(template, variant, head)
    for section in re.split(r"^(?=\w)", text, flags=re.MULTILINE):
        rows = [line for line in section.splitlines() if re.search(r"# \d+", line) and "RevCol," not in line]
        assert len({line.index("#") for line in rows}) <= 1


@every_rendering
def test_the_text_is_clean(template: str, variant: str, head: str) -> None:
    text = shipped(template, variant, head)
    assert text.isascii()
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert "\n\n\n" not in text
    assert not re.search(r"[\t\r\x1f]| $", text, re.MULTILINE)
    assert max(map(len, text.splitlines())) <= 160


@every_template
def test_rendering_twice_gives_the_same_text(template: str) -> None:
    assert render(TEMPLATES, template, values()) == render(TEMPLATES, template, values())


@every_template
def test_the_revcol_row_says_what_the_variant_says(template: str) -> None:
    row = rows_of(render(TEMPLATES, template, values("revcol-s")))[0]
    aux = {"aux_columns": [4]} if template in WITH_BRANCH else {}
    assert row == [-1, 1, "RevCol", [[64, 128, 256, 512], [2, 2, 4, 2], 8, {"drop_path": 0.4, **aux}]]


@pytest.mark.parametrize("template", sorted(set(ENTRY_POINTS) - set(WITH_BRANCH)))
def test_options_that_are_the_defaults_are_left_out(template: str) -> None:
    plain = replace(values(), drop_path=0.0, options={})
    assert len(rows_of(render(TEMPLATES, template, plain))[0][3]) == 3


@pytest.mark.parametrize("template", WITH_BRANCH)
def test_the_auxiliary_branch_is_fed_by_an_earlier_column(template: str) -> None:
    rows = rows_of(render(TEMPLATES, template, values("revcol-b")))
    assert rows[0][3][3]["aux_columns"] == [8]
    picks = {index for index, row in enumerate(rows) if row[2] == "PickLevel" and row[3][0] >= 4}
    branch = {index for index, row in enumerate(rows) if picks & {*sources(row, index)}}
    inputs = rows[-1][0]
    # IAuxDetect takes the lead rows first, DualDDetect the auxiliary ones.
    assert branch == {*(inputs[3:] if "iaux" in template else inputs[:3])}


@pytest.mark.parametrize("template", WITH_BRANCH)
def test_an_auxiliary_branch_needs_an_earlier_column(template: str) -> None:
    with pytest.raises(RequestError, match="choose 2 columns or more"):
        render(TEMPLATES, template, replace(values(), columns=1))


@pytest.mark.parametrize("template", ANCHORED)
@pytest.mark.parametrize("head", HEADS)
def test_there_are_three_anchors_a_level_from_small_to_large(template: str, head: str) -> None:
    anchors = yaml.safe_load(render(TEMPLATES, template, values(head=head)))["anchors"]
    assert [len(row) for row in anchors] == [6] * (3 if head == "p3-p5" else 4)
    areas = [sum(w * h for w, h in zip(row[::2], row[1::2], strict=True)) for row in anchors]
    assert areas == sorted(areas)


@every_template
def test_the_number_of_classes_is_the_one_asked_for(template: str) -> None:
    assert yaml.safe_load(render(TEMPLATES, template, replace(values(), nc=7)))["nc"] == 7


def test_necks_are_multiples_of_32_so_that_quarters_are_multiples_of_8() -> None:
    assert not [name for name, variant in VARIANTS.items() if any(width % 32 for width in variant["neck"])]


def test_the_variants_are_those_of_the_design() -> None:
    assert [name.removeprefix("revcol-") for name in VARIANTS] == ["a", "f", "p", "n", "t", "s", "b", "l", "xl", "h"]
