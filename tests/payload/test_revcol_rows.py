"""Rows of a model YAML: channel bookkeeping, level picking, and what is said about a wrong row."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch

from yolopatch.payload.revcol import PickLevel, RevCol

ROW = [[8, 12, 16, 20], [1, 1, 2, 1], 3]


def test_a_row_gives_the_arguments_and_the_channels() -> None:
    args, channels = RevCol.parse_row(ROW, 3)
    assert channels == [8, 12, 16, 20]
    assert args == [*ROW, {"in_channels": 3, "aux_columns": []}]


def test_a_row_with_auxiliary_columns_lists_their_channels_too() -> None:
    args, channels = RevCol.parse_row([*ROW, {"aux_columns": [2, 1], "drop_path": 0.3}], 6)
    assert channels == [8, 12, 16, 20] * 3
    assert args[3] == {"aux_columns": [2, 1], "drop_path": 0.3, "in_channels": 6}


def test_the_arguments_build_the_model_that_the_channels_describe() -> None:
    args, channels = RevCol.parse_row([*ROW, {"aux_columns": [1]}], 4)
    outputs = RevCol(*args)(torch.randn(1, 4, 64, 64))
    assert [output.shape[1] for output in outputs] == channels


def test_parsing_changes_nothing_in_the_row() -> None:
    row = [*ROW, {"aux_columns": [1], "drop_path": 0.3}]
    kept = copy.deepcopy(row)
    args, channels = RevCol.parse_row(row, 3)
    args[0].reverse()
    args[3]["aux_columns"].append(9)
    channels.clear()
    assert row == kept


def test_parsing_what_was_parsed_gives_the_same() -> None:
    args, channels = RevCol.parse_row([*ROW, {"aux_columns": [1]}], 3)
    assert RevCol.parse_row(args, 3) == (args, channels)


def test_numbers_that_yaml_reads_as_strings_are_taken() -> None:
    network = RevCol(*RevCol.parse_row([*ROW, {"layer_scale": "1e-4", "drop_path": "1e-1"}], 3)[0])
    assert network.subnet0.level0.blocks[0].gamma[0].item() == pytest.approx(1e-4)
    assert network.settings.drop_path == 0.1


def test_options_and_keywords_build_the_same_model() -> None:
    by_options = RevCol(*ROW, {"stem": "overlap", "kernel_size": 5, "in_channels": 1})
    by_keywords = RevCol(*ROW, stem="overlap", kernel_size=5, in_channels=1)
    assert by_options.settings == by_keywords.settings


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW[:2], "not 2 arguments"),
        ([*ROW, {}, 1], "not 5 arguments"),
        ([*ROW, 0.3], "mapping of options, not 0.3"),
        ([[8, 12, 16], [1, 1, 2, 1], 3], "channels must have 4 entries"),
        ([[8, 12, 16, 20], [1, 1, 2, 1, 1], 3], "blocks must have 4 entries"),
        ([64, [1, 1, 2, 1], 3], "channels must be a list"),
        (["8888", [1, 1, 2, 1], 3], "channels must be a list"),
        ([[8, 12, 16.5, 20], [1, 1, 2, 1], 3], r"channels\[2\] must be a whole number, not 16.5"),
        ([[8, 12, 16, 20], [1, 0, 2, 1], 3], r"blocks\[1\] must be at least 1, not 0"),
        ([*ROW[:2], 0], "columns must be at least 1, not 0"),
        ([*ROW[:2], 2.0], "columns must be a whole number"),
        ([*ROW[:2], True], "columns must be a whole number"),
        ([*ROW, {"drop_paths": 0.1}], "no option 'drop_paths'; did you mean 'drop_path'"),
        ([*ROW, {"zzz": 0.1}], "no option 'zzz'; it knows in_channels, kernel_size"),
        ([*ROW, {"drop_path": 1.0}], "drop_path must be less than 1"),
        ([*ROW, {"drop_path": -0.1}], "drop_path must be finite and not negative"),
        ([*ROW, {"drop_path": "much"}], "drop_path must be a number, not 'much'"),
        ([*ROW, {"layer_scale": float("nan")}], "layer_scale must be finite"),
        ([*ROW, {"layer_scale": None}], "layer_scale must be a number"),
        ([*ROW, {"kernel_size": 4}], "kernel_size must be odd"),
        ([*ROW, {"fusion": "concat"}], "fusion must be one of sum, weighted, attention, not 'concat'"),
        ([*ROW, {"stem": "conv"}], "stem must be one of patch, overlap, not 'conv'"),
        ([*ROW, {"init": "xavier"}], "init must be one of paper, kaiming, not 'xavier'"),
        ([*ROW, {"deep_up": 1}], "deep_up must be true or false"),
        ([*ROW, {"aux_columns": 2}], "aux_columns must be a list"),
        ([*ROW, {"aux_columns": [0]}], r"aux_columns\[0\] must be at least 1"),
        ([*ROW, {"aux_columns": [4]}], "aux_columns has 4, but there are only 3 columns"),
        ([*ROW, {"aux_columns": [3]}], "aux_columns has 3, the last column"),
        ([*ROW, {"aux_columns": [1, 1]}], "names a column twice"),
        ([*ROW, {"in_channels": 4}], "says in_channels 4, but it is fed 3 channels"),
    ],
)
def test_a_wrong_row_is_refused_with_what_is_wrong(row: list[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RevCol.parse_row(row, 3)


def test_the_constructor_refuses_the_same() -> None:
    with pytest.raises(ValueError, match="no option 'modes'"):
        RevCol(*ROW, {"modes": "exact"})
    with pytest.raises(ValueError, match="fusion must be one of sum"):
        RevCol(*ROW, fusion="concat")


def test_pick_level_returns_the_tensor_itself() -> None:
    levels = [torch.zeros(1), torch.ones(1)]
    assert PickLevel(1)(levels) is levels[1]


@pytest.mark.parametrize("index", [-1, 1.0, True, "1", None])
def test_pick_level_refuses_what_is_no_index(index: Any) -> None:
    with pytest.raises(ValueError, match="needs the index of a level"):
        PickLevel(index)


def test_pick_level_says_how_many_levels_there_are() -> None:
    with pytest.raises(ValueError, match="PickLevel 4: there are only 1 levels"):
        PickLevel(4)([torch.zeros(1)])
