"""From a grid to its cells."""

from __future__ import annotations

import pytest
import yaml

from yolopatch.catalog.yaml_file import load_model
from yolopatch.errors import RequestError
from yolopatch.sweep.cells import expand
from yolopatch.sweep.design import Design

GRID = {"yolo": ["v5", "v8"], "variant": ["stock", "revcol-a"], "set": {"supervision": [False, True]}, "seed": [0, 1]}


@pytest.fixture
def cells(tmp_path):
    def call(grid=None, **keys):
        file = tmp_path / "s.yaml"
        file.write_text(yaml.safe_dump({"name": "s", "data": "d.yaml", "grid": grid or GRID, **keys}))
        return expand(load_model(file, Design), tmp_path, lambda variant: variant.startswith("stock"))

    return call


def ids(found):
    return [cell.id for cell in found]


def test_stock_has_no_options_and_stands_once_and_one_seed_is_whole_before_the_next(cells):
    found = ids(cells())
    assert found[:6] == [
        "v5_stock_p3-p5_seed0",
        "v5_revcol-a_p3-p5_supervision-false_seed0",
        "v5_revcol-a_p3-p5_supervision-true_seed0",
        "v8_stock_p3-p5_seed0",
        "v8_revcol-a_p3-p5_supervision-false_seed0",
        "v8_revcol-a_p3-p5_supervision-true_seed0",
    ]
    assert found[6:] == [name.replace("seed0", "seed1") for name in found[:6]]
    assert len({cell.model for cell in cells()}) == 6


def test_one_value_needs_no_list_and_one_that_stands_twice_counts_once(cells):
    found = cells({"yolo": "v5", "variant": ["stock", "stock"], "seed": 3})
    assert ids(found) == ["v5_stock_p3-p5_seed3"]


def test_exclude_takes_all_that_has_its_values(cells):
    found = ids(cells(exclude=[{"yolo": "v5"}, {"set": {"supervision": True}}, {"seed": 1, "variant": "stock"}]))
    assert found == [
        *("v8_stock_p3-p5_seed0", "v8_revcol-a_p3-p5_supervision-false_seed0"),
        "v8_revcol-a_p3-p5_supervision-false_seed1",
    ]


def test_include_gives_settings_to_the_cells_that_it_fits_and_the_later_entry_wins(cells):
    entries = [{"yolo": "v5", "epochs": 7, "batch": 4}, {"variant": "stock", "epochs": 9}]
    found = {cell.id: cell.training for cell in cells(include=entries, epochs=3)}
    assert len(found) == 12
    assert {name: (one.epochs, one.batch) for name, one in found.items() if name.endswith("seed0")} == {
        "v5_stock_p3-p5_seed0": (9, 4),
        "v5_revcol-a_p3-p5_supervision-false_seed0": (7, 4),
        "v5_revcol-a_p3-p5_supervision-true_seed0": (7, 4),
        "v8_stock_p3-p5_seed0": (9, 16),
        "v8_revcol-a_p3-p5_supervision-false_seed0": (3, 16),
        "v8_revcol-a_p3-p5_supervision-true_seed0": (3, 16),
    }


def test_include_adds_a_model_with_all_seeds_or_with_its_own(cells):
    entries = [
        {"yolo": "v8", "variant": "revcol-a", "set": {"stem": "patch"}, "epochs": 2},
        {"yolo": "v7", "variant": "stock-tiny", "head": "p2-p5", "seed": 5},
    ]
    found = cells({"yolo": "v8", "variant": "stock", "seed": [0, 1]}, include=entries)
    assert ids(found) == [
        *("v8_stock_p3-p5_seed0", "v8_revcol-a_p3-p5_stem-patch_seed0"),
        *("v8_stock_p3-p5_seed1", "v8_revcol-a_p3-p5_stem-patch_seed1", "v7_stock-tiny_p2-p5_seed5"),
    ]
    assert [cell.training.epochs for cell in found] == [100, 2, 100, 2, 100]


def test_upstreams_arguments_are_those_of_the_yolo_and_behind_them_those_of_an_entry(cells, tmp_path):
    found = cells(
        {"yolo": ["v5", "v8"], "variant": "stock"},
        arguments={"v5": ["--hyp", "{here}/hyp.yaml", "--patience", 3]},
        include=[{"yolo": "v5", "arguments": ["--cos-lr"]}],
    )
    assert found[0].training.arguments == ("--hyp", f"{tmp_path}/hyp.yaml", "--patience", "3", "--cos-lr")
    assert found[1].training.arguments == ()
    assert found[0].training.data == str(tmp_path / "d.yaml")


def test_options_that_are_no_simple_words_are_names_for_files_and_told_apart(cells):
    values = [{"scale": 0.1}, {"scale": 0.2}, "../x"]
    found = cells({"yolo": "v5", "variant": "revcol-a", "set": {"supervision": values}})
    names = ids(found)
    assert len(set(names)) == 3
    assert not any(set("/{ :") & set(name) for name in names)
    assert found[0].shown == 'v5 revcol-a p3-p5 supervision={"scale": 0.1} seed 0'


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"epoch": 3}, "no key 'epoch'; did you mean epochs?"),
        ({"epochs": 0}, "epochs: Input should be greater than or equal to 1"),
        ({"imgsz": 8}, "imgsz: Input should be greater than or equal to 32"),
        ({"name": "../x"}, "name: '../x' cannot name a folder; use letters, digits"),
        ({"grid": {"yolo": "v5"}}, "grid.variant: Field required"),
        ({"grid": {"yolo": [], "variant": "stock"}}, "grid.yolo: "),
        ({"grid": {"yolo": "v5", "variant": "stock", "seed": [-1]}}, "grid.seed.0: "),
        ({"grid": {"yolo": "v5", "variant": "stock", "sets": {}}}, "grid.sets: no key 'sets'; did you mean set?"),
        ({"grid": ["v5"]}, "grid: keys with values are expected here; there are: yolo, variant, head, set, seed"),
        ({"include": ["v5"]}, "include.0: keys with values are expected here; there are: yolo, variant"),
        ({"grid": {"yolo": "v5", "variant": "stock", "set": {"a b": 1}}}, "grid.set.a b"),
        ({"exclude": [{}]}, "would leave out all cells"),
        ({"include": [{"yolo": "v5", "lr": 1}]}, "include.0.lr: no key 'lr'; there are: "),
        ({"include": [{"yolo": "v7", "epochs": 3}]}, "include.0: it fits no cell of the grid"),
        ({"exclude": [{"yolo": "v5"}, {"yolo": "v8"}]}, "no cell is left"),
    ],
)
def test_a_wrong_file_is_one_line_with_the_key(cells, keys, said):
    grid = keys.pop("grid", None)
    with pytest.raises(RequestError) as error:
        cells(grid, **keys)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
