"""Which cells a validation has."""

from __future__ import annotations

import pytest

from yolopatch.catalog import Catalog
from yolopatch.console import Reporter
from yolopatch.workflows.cells import Wanted, cells

CATALOG = Catalog()


def yolos(*named, **wanted):
    found = cells(CATALOG, Wanted(yolos=named, **wanted), Reporter(quiet=True))
    return list(dict.fromkeys(cell.yolo for cell, _ in found))


@pytest.mark.parametrize("wanted", [{}, {"pins": ("all",)}, {"pins": ("main",)}, {"variants": ("revcol-a",)}])
def test_an_experimental_yolo_is_left_out_unless_it_is_named(wanted):
    assert "v10" not in yolos(**wanted)
    assert yolos("v9", "v10", **wanted) == ["v9", "v10"]
