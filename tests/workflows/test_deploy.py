"""Which rows of a model's YAML detection needs, and what `deploy` refuses before it starts anything."""

from __future__ import annotations

import copy

import pytest

from yolopatch.catalog import Catalog
from yolopatch.catalog.deploy import Conversion, deploy_spec
from yolopatch.errors import RequestError
from yolopatch.verify.probe.deploy_yaml import for_inference, lead_only
from yolopatch.workflows.deploy import _destination

CATALOG = Catalog()
REVCOL = [[8, 16, 32, 64], [1, 1, 1, 1], 4]


def config(detector_from, aux=(2,), picks=(5, 6)):
    """RevCol, two levels of the last column, two auxiliary ones, a row on each, a detection row."""
    options = {"stem": "overlap", "aux_columns": list(aux), "supervision": {"scale": 0.1}, "weights": "gone.pth"}
    backbone = [
        [-1, 1, "RevCol", [*REVCOL, options]],  # 0
        [0, 1, "PickLevel", [1]],  # 1
        [0, 1, "PickLevel", [2]],  # 2
        [0, 1, "PickLevel", [picks[0]]],  # 3
        [0, 1, "PickLevel", [picks[1]]],  # 4
    ]
    head = [
        [3, 1, "Conv", [16]],  # 5 auxiliary
        [-2, 1, "Conv", [32]],  # 6 auxiliary, of row 4
        [1, 1, "Conv", [16]],  # 7
        [2, 1, "Conv", [32]],  # 8
        [[-1, -2], 1, "Concat", [1]],  # 9
        [-1, 1, "Conv", [32]],  # 10
        [detector_from, 1, "Aux", ["nc", "anchors"]],  # 11
    ]
    return {"nc": 3, "anchors": [[1, 2]], "backbone": backbone, "head": head}


def test_rows_of_the_auxiliary_branch_go_and_the_others_are_renumbered():
    given = config([7, 10, 5, 6])
    before = copy.deepcopy(given)
    found, kept = lead_only(given, "first", "Lead")
    assert given == before
    assert kept == [0, 1, 2, 7, 8, 9, 10, 11]
    assert found["nc"] == 3
    assert found["backbone"] == [
        [-1, 1, "RevCol", [*REVCOL, {"stem": "overlap"}]],
        [0, 1, "PickLevel", [1]],
        [0, 1, "PickLevel", [2]],
    ]
    assert found["head"] == [
        [1, 1, "Conv", [16]],
        [2, 1, "Conv", [32]],
        [[-1, 3], 1, "Concat", [1]],
        [-1, 1, "Conv", [32]],
        [[3, 6], 1, "Lead", ["nc", "anchors"]],
    ]


def test_the_second_half_may_be_the_one_that_stays():
    assert lead_only(config([5, 6, 7, 10]), "second", "Lead") == lead_only(config([7, 10, 5, 6]), "first", "Lead")


def test_all_inputs_keep_all_rows_as_they_are():
    given = config([7, 10, 5, 6])
    found, kept = lead_only(given, "all", "Lead")
    assert kept == list(range(12))
    assert found["head"][1] == [4, 1, "Conv", [32]]  # row -2, by its number
    assert found["backbone"][0][3][3] == {"stem": "overlap", "aux_columns": [2]}
    assert found["backbone"][1:] == given["backbone"][1:]


def test_an_auxiliary_column_that_detection_uses_stays_and_its_levels_move_up():
    given = config([7, 10, 5, 5], aux=(1, 3), picks=(5, 10))
    given["head"][3][0] = 4  # row 8 takes column 3's level
    found, kept = lead_only(given, "first", "Lead")
    assert 4 in kept
    assert found["backbone"][0][3][3]["aux_columns"] == [3]
    assert found["backbone"][2] == [0, 1, "PickLevel", [6]]


def test_an_odd_number_of_inputs_has_no_halves():
    with pytest.raises(ValueError, match="takes 3 inputs"):
        lead_only(config([7, 10, 5]), "first", "Lead")


def test_inference_needs_neither_supervision_nor_a_file_of_weights():
    found = for_inference(config([7, 10]))
    assert found["backbone"][0][3][3] == {"stem": "overlap", "aux_columns": [2]}
    plain = {"backbone": [[-1, 1, "RevCol", [*REVCOL, {"weights": "x"}]]], "head": []}
    assert for_inference(plain)["backbone"][0][3] == REVCOL


@pytest.mark.parametrize("yolo", CATALOG.yolos)
def test_every_yolo_says_how_it_is_deployed(yolo):
    upstream = CATALOG.upstream(yolo)
    spec = deploy_spec(CATALOG, upstream)
    assert spec.strip
    for name, conversion in spec.forms.items():
        assert conversion.to not in spec.forms, "a deploy form needs no conversion"
        assert name != conversion.to


def test_a_conversion_that_keeps_and_drops_the_same_is_refused():
    with pytest.raises(ValueError, match="'m' stands in modules"):
        Conversion(to="detect", inputs="all", modules={"m": "m"}, drop=("m",))


def test_the_result_stands_beside_the_checkpoint(tmp_path):
    weights = tmp_path / "best.pt"
    weights.write_bytes(b"x")
    assert _destination(weights, None, force=False) == tmp_path / "best-deploy.pt"


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("best.pt", "the checkpoint itself"),
        ("out.onnx", "end --out in .pt"),
        ("no/out.pt", "no such folder"),
        ("taken.pt", "--force"),
    ],
)
def test_a_destination_that_will_not_do_says_what_will(out, words, tmp_path):
    for name in ("best.pt", "taken.pt"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(RequestError, match=words):
        _destination(tmp_path / "best.pt", tmp_path / out, force=False)
    assert _destination(tmp_path / "best.pt", tmp_path / "taken.pt", force=True) == tmp_path / "taken.pt"


def test_a_checkpoint_that_is_not_there(tmp_path):
    with pytest.raises(RequestError, match="no such file; give --weights"):
        _destination(tmp_path / "best.pt", None, force=False)
