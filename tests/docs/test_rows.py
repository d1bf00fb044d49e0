"""The rows of RevCol that the pages show are such as the model takes."""

from __future__ import annotations

import pytest
import yaml

from tests.docs.shell import PAGES, ROOT, fences
from yolopatch.payload.revcol import RevCol


def _rows(text):
    lines = [line.strip() for line in text.splitlines()]
    return [yaml.safe_load(line)[0] for line in lines if line.startswith("- [") and "RevCol" in line]


ROWS = [(page, row) for page in PAGES for one in fences(page) if one.language == "yaml" for row in _rows(one.text)]


@pytest.mark.parametrize(("page", "row"), ROWS, ids=lambda one: str(one.relative_to(ROOT)) if one in PAGES else "row")
def test_a_row_in_a_page_is_one_that_the_model_takes(page, row):
    _from, repeats, name, arguments = row
    assert (repeats, name) == (1, "RevCol")
    RevCol.parse_row(arguments, 3, 1)


def test_the_rows_are_found():
    assert len(ROWS) >= 12
