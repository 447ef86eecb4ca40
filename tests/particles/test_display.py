"""Particle images for the eye."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.particles.display import as_grey, common_contrast, low_passed


@pytest.mark.parametrize(("period_A", "share"), [(16.0, 0.5), (8.0, 0.0625), (128.0, 0.99)])
def test_the_filter_halves_a_wave_at_its_resolution_and_keeps_coarse_ones(
    period_A: float, share: float
) -> None:
    x = np.arange(64) * 2.0
    wave = np.broadcast_to(np.cos(2 * np.pi * x / period_A), (1, 64, 64)).astype(np.float32)
    for turned in (wave, wave.transpose(0, 2, 1)):
        left = low_passed(turned, 2.0, 16.0)
        assert float((left * turned).sum() / (turned**2).sum()) == pytest.approx(share, abs=0.01)


def test_an_odd_box_keeps_its_size_and_its_mean() -> None:
    images = np.random.default_rng(0).normal(3, 1, (2, 33, 33)).astype(np.float32)
    left = low_passed(images, 2.0)
    assert left.shape == images.shape
    assert left.mean((1, 2)) == pytest.approx(images.mean((1, 2)), abs=1e-4)
    assert left.dtype == np.float32


def test_pixels_coarser_than_the_filter_are_left_alone() -> None:
    images = np.ones((1, 8, 8), np.float32)
    assert low_passed(images, 9.0, 16.0) is images


def test_the_contrast_is_not_set_by_a_few_hot_pixels() -> None:
    images = np.random.default_rng(0).normal(0, 1, (8, 32, 32)).astype(np.float32)
    images[0, 0, 0] = 1000
    low, high = common_contrast(images)
    assert -3 < low < high < 4
    grey = as_grey(images, (low, high))
    assert grey[0, 0, 0] == 255
    assert grey.dtype == np.uint8


def test_flat_or_missing_images_have_a_contrast_all_the_same() -> None:
    assert common_contrast(np.zeros((2, 4, 4), np.float32)) == (0.0, 1.0)
    assert common_contrast(np.zeros((0, 4, 4), np.float32)) == (0.0, 1.0)
