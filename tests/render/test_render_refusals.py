"""What a template may not do, and what it gets told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from render_cases import TEMPLATES, values

from yolopatch.errors import RequestError
from yolopatch.render import render

GOOD = """\
nc: {{ nc }}
backbone:
{{ row('revcol', -1, 1, 'RevCol', [channels, blocks, columns]) }}
{{ row('c3', 'revcol', 1, 'PickLevel', [1], 3) }}
head:
{{ row('', ['c3'], 1, 'Detect', ['nc']) }}
"""

Rendered = Callable[[str], str]


def refused(rendered: Rendered, text: str) -> str:
    with pytest.raises(RequestError) as caught:
        rendered(text)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_small_template_renders(rendered: Rendered) -> None:
    assert "  - [0,   1, PickLevel" not in rendered(GOOD)
    assert "  - [0,  1, PickLevel, [1]]" in rendered(GOOD)


@pytest.mark.parametrize(
    "reach",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ row.__globals__ }}",
        "{{ row.__self__ }}",
        "{{ channels.append(1) }}",
        "{{ channels.__class__ is defined }}",
        "{{ '{0.__class__}'.format(nc) }}",
        "{{ options.items() }}",
        "{{ self.__init__ }}",
        "{% for x in channels %}{{ loop.index }}{% endfor %}",
        "{% set box = options.update %}",
    ],
)
def test_attributes_are_out_of_reach(rendered: Rendered, reach: str) -> None:
    message = refused(rendered, f"nc: 1\n{reach}\n{GOOD}")
    assert message.startswith("template here/model.j2, line 2: templates may not reach for attributes ('")


@pytest.mark.parametrize(
    "text",
    [
        "{{ channels | attr('append') }}",
        "{{ channels | map(attribute='real') | list }}",
        "{{ channels | random }}",
        "{{ lipsum() }}",
        "{{ cycler(1) }}",
        "{{ namespace(a=1) }}",
        "{% do channels.append(1) %}",
        "{% import 'here/model.j2' as me %}{{ me.x }}",
        "{{ range(10000000) | list }}",
    ],
)
def test_what_jinja_offers_beyond_values_is_absent(rendered: Rendered, text: str) -> None:
    assert "here/model.j2" in refused(rendered, text + "\n" + GOOD)


def test_a_name_that_does_not_exist_is_an_error_with_its_line(rendered: Rendered) -> None:
    assert refused(rendered, GOOD + "\n# {{ colums }}") == "template here/model.j2, line 8: 'colums' is undefined"


def test_a_slip_of_syntax_is_an_error_with_its_line(rendered: Rendered) -> None:
    assert refused(rendered, "nc: 1\n{% if nc %}").startswith("template here/model.j2, line 2: ")


def test_any_failure_inside_a_template_names_the_line(rendered: Rendered) -> None:
    assert refused(rendered, "nc: 1\n\n{{ 1 / 0 }}") == "template here/model.j2, line 3: division by zero"


@pytest.mark.parametrize("name", ["../outside.j2", "/etc/passwd", "here/../../outside.j2", "..\\outside.j2"])
def test_includes_stay_below_the_root(tmp_path: Path, rendered: Rendered, name: str) -> None:
    (tmp_path.parent / "outside.j2").write_text("secret", encoding="utf-8")
    assert "outside the templates" in refused(rendered, "{% include " + repr(name) + " %}")


def test_links_out_of_the_root_are_not_followed(tmp_path: Path, rendered: Rendered) -> None:
    (tmp_path.parent / "outside.j2").write_text("secret", encoding="utf-8")
    (tmp_path / "link.j2").symlink_to(tmp_path.parent / "outside.j2")
    assert "outside the templates" in refused(rendered, "{% include 'link.j2' %}")


def test_a_template_that_is_missing_is_named() -> None:
    with pytest.raises(RequestError, match=r"no template 'v7/nothing\.yaml\.j2' in "):
        render(TEMPLATES, "v7/nothing.yaml.j2", values())


def test_the_top_template_stays_below_the_root_too() -> None:
    with pytest.raises(RequestError, match="outside the templates"):
        render(TEMPLATES, "../pyproject.toml", values())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("row('', 'c9', 1, 'Conv', [8])", "row 2 takes from 'c9', but no earlier row has this name"),
        ("row('', 2, 1, 'Conv', [8])", "row 2 takes from row 2, which does not come before it"),
        ("row('', [-1, -3], 1, 'Concat', [1])", "row 2 takes from row -3, which does not come before it"),
        ("row('c3', -1, 1, 'Conv', [8])", "the name 'c3' stands for row 1 already"),
        ("row('', -1, 1, 'Conv', [row])", "a row cannot hold method values"),
        ("row('', -1, 1, 'Conv', ['a\\nb'])", "a row cannot hold the text 'a\\nb': it is not plain ASCII"),
    ],
)
def test_a_wrong_row_is_an_error_with_its_line(rendered: Rendered, row: str, message: str) -> None:
    text = GOOD.replace("head:\n", "head:\n{{ " + row + " }}\n")
    assert refused(rendered, text) == f"template here/model.j2, line 6: {message}"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("nc: {{ nc }}", "nc: [", "is not YAML"),
        ("nc: {{ nc }}", "nc: many", "'nc' is not a whole number"),
        ("nc: {{ nc }}\n", "", "'nc' is not a whole number"),
        ("head:\n", "tail:\n", "'head' is not a list of rows"),
        ("head:\n", "head:\n  - [-1, 1, Conv]\n", "row 2 is not [from, repeats, module, args]"),
        ("head:\n", "head:\n  - [7, 1, Conv, [8]]\n", "row 2 (Conv) takes from 7, which is no earlier row"),
        ("head:\n", "head:\n  - [-1, 0, Conv, [8]]\n", "row 2 repeats 0 times"),
        ("head:\n", "head:\n  - [-1, 1, 3, [8]]\n", "row 2 has the module 3"),
        ("head:\n", "head:\n  - [-1, 1, Conv, 8]\n", "row 2 (Conv) has the arguments 8"),
        ("head:\n", "head:\n  - [-1, 1, Conv, [8]]\n", "every row must be written with row(...)"),
        ("head:\n", "# a\tb\nhead:\n", "renders to tabs"),
        ("head:\n", "# caf\u00e9\nhead:\n", "letters outside ASCII"),
    ],
)
def test_a_rendering_that_is_no_model_is_refused(rendered: Rendered, old: str, new: str, message: str) -> None:
    assert message in refused(rendered, GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "p9"}, "no head 'p9'; choose one of p3-p5, p2-p5"),
        ({"nc": 0}, "the number of classes is 0; give 1 or more"),
        ({"variant": "a\nb"}, "is not one line of plain ASCII text"),
        ({"title": "\u7389"}, "is not one line of plain ASCII text"),
    ],
)
def test_wrong_values_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError) as caught:
        render(TEMPLATES, "v8/detect.yaml.j2", replace(values(), **change))
    assert message in str(caught.value)
