"""Which squares are drawn, and what is known of each."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from yolopatch.datasets.model import Picture
from yolopatch.errors import RequestError
from yolopatch.inspection.sample import draw, letterbox


def pictures(folder, count=20, size=(64, 32), label="0 0.25 0.5 0.1 0.2\n"):
    found = []
    for number in range(count):
        path = folder / f"{number}.png"
        pixels = np.random.default_rng(number).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        path.with_suffix(".txt").write_text(label)
        found.append(Picture(path, path.with_suffix(".txt")))
    return found


def drawn(found, count=20, size=64, seed=0, classes=2):
    return draw(found, classes, size, count, seed, lambda done, total: None)


def test_squares_of_padding_are_not_drawn_and_no_picture_is_on_both_sides(tmp_path):
    sample = drawn(pictures(tmp_path, size=(64, 32)), size=128)
    assert set(sample.blocks[:, 1]) == {1, 2}
    assert len(sample.blocks) == 20 * 2 * 4
    assert not {*sample.pictures[sample.held_out]} & {*sample.pictures[~sample.held_out]}
    assert len({*sample.pictures[sample.held_out]}) == 5


def test_the_target_is_the_square_at_a_quarter(tmp_path):
    sample = drawn(pictures(tmp_path, size=(64, 64)))
    picture, row, column = sample.blocks[-1]
    square = sample.images[picture, row * 32 : row * 32 + 32, column * 32 : column * 32 + 32] / 255
    assert sample.target[-1] == pytest.approx(square.reshape(8, 4, 8, 4, 3).mean((1, 3)))


def test_an_object_counts_where_it_lies(tmp_path):
    sample = drawn(pictures(tmp_path, size=(64, 64), label="1 0.5 0.25 0.25 0.25\n"))  # across two squares
    assert {
        (row, column): label for (_, row, column), (_, label) in zip(sample.blocks, sample.labels, strict=True)
    } == {
        (0, 0): 0.5,
        (0, 1): 0.5,
        (1, 0): 0.0,
        (1, 1): 0.0,
    }
    assert not sample.labels[:, 0].any()
    large = drawn(pictures(tmp_path, size=(64, 64), label="0 0.5 0.5 1 1\n"))
    assert (large.labels[:, 0] == 1).all()


def test_a_seed_draws_the_same_again(tmp_path):
    found = pictures(tmp_path, 30, size=(64, 64))
    one, same, other = drawn(found), drawn(found), drawn(found, seed=1)
    assert (one.images == same.images).all()
    assert (one.blocks == same.blocks).all()
    assert (one.images != other.images).any()


def test_what_cannot_be_drawn_is_said(tmp_path):
    found = pictures(tmp_path)
    with pytest.raises(RequestError, match="5 pictures are too few"):
        drawn(found, 5)
    with pytest.raises(RequestError, match="holds a whole square"):
        drawn(pictures(tmp_path, size=(64, 16)))
    with pytest.raises(RequestError, match="class 0 of 0"):
        drawn(pictures(tmp_path, size=(64, 64)), classes=0)
    found[3].path.write_text("no picture")
    with pytest.raises(RequestError, match=r"3\.png: no picture that can be read \(not a picture"):
        drawn(found)


def test_a_picture_is_turned_as_its_camera_was(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    Image.new("RGB", (40, 20), (200, 0, 0)).save(tmp_path / "a.jpg", exif=exif)
    into = np.zeros((64, 64, 3), dtype=np.uint8)
    assert letterbox(tmp_path / "a.jpg", into) == (16, 0, 32, 64)
