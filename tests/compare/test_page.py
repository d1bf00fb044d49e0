"""The report as a file: complete, small, safe."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from tests.compare.documents import HOSTILE, document, entry, run
from yolopatch.compare.comparison import Comparison
from yolopatch.compare.model import Row
from yolopatch.compare.page.graph import graph_of

pytest.importorskip("vl_convert", reason="needs vl-convert-python of the extra 'report'")

from yolopatch.compare.page import to_html


class Links(HTMLParser):
    """Everything that a browser would fetch, and the text of the cells."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        given = dict(attrs)
        self.fetched += [given[name] for name in ("src", "href") if given.get(name) and tag != "a"]


@pytest.fixture(scope="module")
def html():
    hostile = entry("revcol-x", name=HOSTILE, runs=[run("a"), run("b", 1)])
    return to_html(Comparison([document(entry(), hostile)]))


def test_it_is_one_file_under_three_megabytes(html):
    links = Links()
    links.feed(html)
    assert links.fetched == []
    assert len(html.encode()) < 3_000_000
    assert "default-src 'none'" in html


def test_names_cannot_become_markup(html):
    assert "<b>|" not in html
    data = json.loads(re.search(r'id="data">(.*?)</script>', html, re.S)[1])
    assert data["points"][1]["name"] == HOSTILE


def test_every_cell_says_what_it_stands_on(html):
    assert 'title="n = 4; ms; 2026-01-02T03:04+00:00"' in html
    assert "two for each multiply-add, by torch.utils.flop_counter" in html
    assert "addmm, convolution" in html


def test_lines_of_a_graph_that_overlap_have_lanes_of_their_own():
    def row(*inputs):
        return Row(inputs=inputs, kind="Conv", part="neck", parameters=0)

    found = graph_of([row(-1), row(0), row(1, 0), row(2, 0), row(3, 2)])
    assert {(line.source, line.target) for line in found.lines} == {(0, 2), (0, 3), (2, 4)}
    assert len({line.path.split("H")[1].split("Q")[0] for line in found.lines}) == 2
    assert found.height == 5 * 22
