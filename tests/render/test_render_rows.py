from __future__ import annotations

from typing import Any

import pytest
import yaml

from yolopatch.render.rows import RowBook, align, flow


@pytest.mark.parametrize(
    "value",
    [
        0.3,
        1e-6,
        1.5e-7,
        1e20,
        2,
        True,
        "nearest",
        "nn.Upsample",
        "None",
        "no",
        "null",
        "yes",
        "1e3",
        "it's: a #",
        "",
        "~",
        [[64, 128], [2, 2], 8, {"drop_path": 0.3, "init": "kaiming"}],
    ],
)
def test_what_is_written_is_read_back(value: Any) -> None:
    back = yaml.safe_load(f"[{flow(value)}]")[0]
    assert back == value
    assert type(back) is type(value)


def test_names_become_row_numbers() -> None:
    book = RowBook()
    book.row("a", -1, 1, "Conv", [8])
    book.row("", -1, 1, "Conv", [8])
    book.row("", [-1, "a"], 1, "Concat", [1])
    assert [row.source for row in book.rows] == [-1, -1, [-1, 0]]


def test_columns_are_aligned_by_section_and_other_lines_are_left_alone() -> None:
    book = RowBook()
    lines = [
        "backbone:",
        "  # note",
        book.row("a", -1, 1, "Conv", [128, 3, 2], 1),
        book.row("", "a", 10, "C3", [8], 2, note="the end"),
        "head:",
        book.row("", [0, 1], 1, "Detect", ["nc"]),
    ]
    assert align(lines) == [
        "backbone:",
        "  # note",
        "  - [-1, 1,  Conv, [128, 3, 2]]  # 0  P1/2",
        "  - [0,  10, C3,   [8]]          # 1  P2/4  the end",
        "head:",
        "  - [[0, 1], 1, Detect, [nc]]  # 2",
    ]


def test_a_very_long_row_sticks_out_and_leaves_the_others_in_place() -> None:
    book = RowBook()
    lines = [book.row("", -1, 1, "RevCol", [list(range(40))]), book.row("", 0, 1, "PickLevel", [1], 3)]
    long, short = align(lines)
    assert long.endswith("39]]]  # 0")
    assert short == "  - [0,  1, PickLevel, [1]]  # 1  P3/8"
