"""Label files are read as upstream reads them, and as strictly as the strictest of the four."""

from __future__ import annotations

import pytest

from yolopatch.datasets import Label, read_labels
from yolopatch.datasets.labels import parse_labels
from yolopatch.errors import RequestError


def write(tmp_path, text):
    file = tmp_path / "a.txt"
    file.write_text(text)
    return file


def test_a_missing_file_is_a_background(tmp_path):
    assert read_labels(tmp_path / "none.txt") == []


def test_boxes_and_blank_lines_around_them(tmp_path):
    assert read_labels(write(tmp_path, "\n1 0.5 0.25 0.1 0.2\n0 0 1 1 0\n\n")) == [
        Label(1, 0.5, 0.25, 0.1, 0.2),
        Label(0, 0.0, 1.0, 1.0, 0.0),
    ]


def test_polygons_become_the_boxes_around_them(tmp_path):
    file = write(tmp_path, "2 0.25 0.5 0.75 0.5 0.75 1 0.25 1\n0 0 0 0.5 0 0.5 0.5\n")
    assert read_labels(file) == [Label(2, 0.5, 0.75, 0.5, 0.5), Label(0, 0.25, 0.25, 0.5, 0.5)]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("0 0.5 0.5 0.5\n", 1, "4 values where 5"),
        ("0 0.5 0.5 0.5 0.5\n0 .5 .5 .5\n", 2, "4 values"),
        ("0 0.5 0.5 0.5 0.5 0.9\n", 1, "6 values, neither"),
        ("cat 0.5 0.5 0.5 0.5\n", 1, "no number"),
        ("0.5 0.5 0.5 0.5 0.5\n", 1, "class 0.5"),
        ("-1 0.5 0.5 0.5 0.5\n", 1, "class -1"),
        ("0 0.5 0.5 1.01 0.5\n", 1, "outside 0 to 1"),
        ("0 -0.1 0.5 0.1 0.5\n", 1, "outside 0 to 1"),
        ("0 nan 0.5 0.1 0.5\n", 1, "outside 0 to 1"),
        ("inf 0.5 0.5 0.1 0.5\n", 1, "class inf"),
        ("0 0.1 0.1 0.5 0.1 0.5 0.5 0.1 0.5\n0 0.5 0.5 0.1 0.1\n", 2, "a box in a file of polygons"),
        ("0 0.1 0.1 0.5 0.1 0.5 0.5 0.1\n", 1, "8 values"),
    ],
)
def test_a_faulty_line_is_named(tmp_path, text, line, says):
    file = write(tmp_path, text)
    _, faults = parse_labels(file)
    assert [fault.line for fault in faults] == [line]
    assert says in faults[0].what
    with pytest.raises(RequestError, match=f"a.txt:{line}: "):
        read_labels(file)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("0 0.2 0.2 0.2 0.2\n1 0 0 1 1\n0 .2 .2 .2 .2\n", 3, "the same object as in line 1"),
        ("0 0.2 0.2 0.2 0.2\n \n1 0 0 1 1\n", 2, "an empty line"),
        ("0 0.1 0.1 0.3 0.1 0.3 0.3\n1 0 0 1 0 1 1\n", 1, "a triangle"),
    ],
)
def test_what_only_v7_minds_is_named_and_read_all_the_same(tmp_path, text, line, says):
    file = write(tmp_path, text)
    _, faults = parse_labels(file)
    assert faults[0].line == line
    assert says in faults[0].what
    assert all(fault.mild for fault in faults)
    assert [label.cls for label in read_labels(file)] == [0, 1]
    assert read_labels(file)[0].w == pytest.approx(0.2)


def test_a_file_that_is_no_text_is_a_fault(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"\xff\xfe\x00")
    assert parse_labels(file)[1][0].line == 1
