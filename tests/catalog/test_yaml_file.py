"""Catalog files are read strictly; a mistake names the file, the line and the key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yolopatch.catalog.models import Upstream, Variants
from yolopatch.catalog.yaml_file import load_model, parse_plain_yaml
from yolopatch.errors import RequestError

VARIANT = """variants:
  - name: revcol-x
    about: a test
    channels: [8, 16, 32, 64]
    blocks: [1, 1, 2, 1]
    columns: 4
    drop_path: 0.1
    neck: [8, 16, 32, 64]
    neck_depth: 1
"""


def load(tmp_path: Path, text: str) -> Variants:
    file = tmp_path / "variants.yaml"
    file.write_text(text)
    return load_model(file, Variants)


def test_a_good_file_is_read(tmp_path):
    (variant,) = load(tmp_path, VARIANT).variants
    assert variant.channels == (8, 16, 32, 64)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("columns: 4", "columns: four", r"variants\.yaml:6: variants\.0\.columns: .*integer"),
        ("columns: 4", "columns: 0", r"variants\.yaml:6: variants\.0\.columns: .*greater than or equal to 1"),
        ("drop_path: 0.1", "drop_path: 1.5", r"variants\.yaml:7: .*less than 1"),
        ("blocks: [1, 1, 2, 1]", "blocks: [1, 1, 0, 1]", r"variants\.yaml:5: .*1 or more"),
        ("blocks: [1, 1, 2, 1]", "blocks: [1, 1]", r"variants\.yaml:5: variants\.0\.blocks"),
        ("columns: 4", "colums: 4", r"variants\.0\.col"),
        ("about: a test", "about: *anchor", r"variants\.yaml:3: not valid YAML"),
        ("about: a test", "about: &a [*a]", r"variants\.yaml:3: an alias that holds itself"),
        ("about: a test", "about: !!python/object:os.system x", r"variants\.yaml:3: the tag"),
        ("columns: 4", "columns: 4\n    columns: 5", r"variants\.yaml:7: the key 'columns' stands twice"),
        ("columns: 4", "columns: [", r"variants\.yaml:\d+: not valid YAML"),
    ],
)
def test_a_mistake_names_line_key_and_what_was_expected(tmp_path, old, new, expected):
    with pytest.raises(RequestError, match=expected) as caught:
        load(tmp_path, VARIANT.replace(old, new))
    assert "\n" not in str(caught.value)


def test_aliases_that_explode_are_refused(tmp_path):
    lines = ['a0: &a0 ["x", "x"]'] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    with pytest.raises(RequestError, match="unfold to more than"):
        parse_plain_yaml("\n".join(lines), "bomb.yaml")


def test_deep_nesting_is_refused():
    with pytest.raises(RequestError):
        parse_plain_yaml("[" * 5000 + "]" * 5000, "deep.yaml")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    file = tmp_path / "variants.yaml"
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RequestError, match="not UTF-8"):
        load_model(file, Variants)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(RequestError, match="cannot be read"):
        load_model(tmp_path / "none.yaml", Variants)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_give_a_model_or_one_line(tmp_path, data):
    file = tmp_path / "upstream.yaml"
    file.write_bytes(data)
    try:
        load_model(file, Upstream)
    except RequestError as error:
        assert "\n" not in str(error)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(Upstream.model_fields)), json_values))
def test_any_manifest_gives_a_model_or_one_line(tmp_path, data):
    import yaml

    file = tmp_path / "upstream.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    try:
        load_model(file, Upstream)
    except RequestError as error:
        assert "\n" not in str(error)
