"""The measures on features whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from yolopatch.inspection.measures import linear_cka, rebuild


@pytest.fixture
def random():
    return np.random.default_rng(0)


def test_cka_of_a_feature_with_itself_is_one_whatever_its_rotation_scale_and_offset(random):
    x = random.normal(size=(200, 30))
    turned = x @ np.linalg.qr(random.normal(size=(30, 30)))[0]
    assert linear_cka(x, x) == pytest.approx(1.0)
    assert linear_cka(x, -3e20 * turned + 7.0) == pytest.approx(1.0)
    assert linear_cka(x.astype(np.float32) * np.float32(1e-20), x) == pytest.approx(1.0, abs=1e-5)


def test_cka_is_symmetric_and_sees_a_shared_part(random):
    x = random.normal(size=(300, 5))
    y = np.concatenate((x, random.normal(size=(300, 5))), 1)
    assert linear_cka(x, y) == pytest.approx(linear_cka(y, x))
    assert 0.5 < linear_cka(x, y) < 0.9


def test_cka_of_independent_features_is_about_zero_even_with_more_channels_than_examples(random):
    x, y = random.normal(size=(100, 2000)), random.normal(size=(100, 3000))
    biased = np.linalg.norm(x.T @ y) ** 2 / np.linalg.norm(x @ x.T) / np.linalg.norm(y @ y.T)
    assert biased > 0.9
    assert abs(linear_cka(x, y)) < 0.05


def test_cka_of_orthogonal_features_is_about_zero():
    x = np.cos(np.outer(np.arange(256), [1, 2]) * 2 * np.pi / 256)
    y = np.sin(np.outer(np.arange(256), [1, 2]) * 2 * np.pi / 256)
    assert abs(linear_cka(x, y)) < 0.01


def test_cka_of_what_does_not_change_or_of_too_few_is_none(random):
    x = random.normal(size=(20, 3))
    assert linear_cka(x, np.ones((20, 2))) is None
    assert linear_cka(x[:3], x[:3]) is None
    with pytest.raises(ValueError, match="20 examples against 19"):
        linear_cka(x, x[1:])


@pytest.fixture
def scene(random):
    """Pixels of 60 blocks, 4 of each picture; the last 4 pictures are held out."""
    target = random.random((60, 8, 8, 3))
    pictures = np.arange(60) // 4
    return target, pictures, pictures >= 11


def cells(target, side):
    """The pixels themselves as a feature of `side` cells."""
    count, inner = len(target), 8 // side
    return target.reshape(count, side, inner, side, inner, 3).transpose(0, 1, 3, 2, 4, 5).reshape(count, side, side, -1)


def test_the_input_itself_is_rebuilt_whole_at_every_stride(scene):
    target, pictures, held = scene
    for side in (8, 4):
        found = rebuild([cells(target, side)], target, pictures, held)
        assert found.r2 == pytest.approx(1.0, abs=1e-6)
        assert found.psnr > 60


def test_a_mixed_feature_is_unmixed(scene, random):
    target, pictures, held = scene
    mixed = cells(target, 8) @ random.normal(size=(3, 6)) + 5.0
    assert rebuild([mixed.astype(np.float32)], target, pictures, held).r2 > 0.9999


def test_noise_rebuilds_nothing_and_harms_little(scene, random):
    target, pictures, held = scene
    found = rebuild([random.normal(size=(60, 1, 1, 300))], target, pictures, held)
    assert abs(found.r2) < 0.02


def test_half_of_the_channels_rebuild_half_and_the_other_half_adds_the_rest(scene):
    target, pictures, held = scene
    grey = target.mean(3, keepdims=True)
    left, right = target - grey, grey
    alone = rebuild([left], target, pictures, held)
    assert alone.r2 == pytest.approx(2 / 3, abs=0.05)
    assert rebuild([left, right], target, pictures, held).r2 > 0.99


def test_averages_rebuild_what_averages_can(scene):
    target, pictures, held = scene
    coarse = target.reshape(60, 1, 8, 1, 8, 3).mean((2, 4))
    assert rebuild([coarse], target, pictures, held).r2 < 0.1
    smooth = np.broadcast_to(coarse[:, :, None, :, None], (60, 1, 8, 1, 8, 3)).reshape(60, 8, 8, 3)
    assert rebuild([coarse], smooth, pictures, held).r2 > 0.99


def test_a_picture_of_one_colour_has_nothing_to_rebuild(scene):
    _, pictures, held = scene
    assert rebuild([np.ones((60, 1, 1, 2))], np.full((60, 8, 8, 3), 0.5), pictures, held).r2 == 0.0
