"""Boxes around particles."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.particles.boxes import background, cut, lies_inside, normalise, resample
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_a_box_is_what_lies_at_its_corner(rng):
    pixels = rng.integers(0, 99, (50, 70)).astype(np.uint8)
    boxes = cut(pixels, np.array([[3, 5], [40, 60]]), 10)
    assert boxes.dtype == np.float32
    assert np.array_equal(boxes, [pixels[3:13, 5:15], pixels[40:50, 60:70]])


def test_beyond_the_border_is_the_mean_of_what_is_there(rng):
    pixels = rng.normal(size=(50, 70)).astype(np.float32)
    (box,) = cut(pixels, np.array([[-4, 65]]), 10)
    part = pixels[:6, 65:]
    assert np.array_equal(box[4:, :5], part)
    assert box[:4] == pytest.approx(part.mean())
    assert box.mean() == pytest.approx(part.mean(), abs=1e-6)


def test_a_box_that_touches_the_border_is_inside():
    corners = np.array([[0, 0], [40, 60], [41, 60], [-1, 0]])
    assert lies_inside(corners, 10, (50, 70)).tolist() == [True, True, False, False]


@pytest.mark.parametrize(("n", "m"), [(64, 32), (63, 32), (64, 31), (65, 33), (12, 5), (48, 48)])
def test_binning_is_that_of_the_physics(rng, n, m):
    boxes = rng.normal(size=(3, n, n)).astype(np.float32)
    transform = resize_fourier(to_fourier(torch.from_numpy(boxes)), (n, n), (m, m))
    if n == m:
        assert resample(boxes, m) is boxes
    else:
        np.testing.assert_allclose(
            resample(boxes, m), to_real(transform, (m, m)).numpy(), atol=2e-6
        )


@pytest.mark.parametrize(("n", "m"), [(64, 32), (66, 32), (63, 31), (65, 40)])
def test_binning_keeps_the_centre_and_the_grey_values(n, m):
    def blob(size, sigma):
        r = np.arange(size) - size // 2
        return np.exp(-(r[:, None] ** 2 + r**2) / (2 * sigma**2)).astype(np.float32)

    (small,) = resample(blob(n, 5.0)[None], m)
    np.testing.assert_allclose(small, blob(m, 5.0 * m / n), atol=2e-3)


def test_a_factor_multiplies_the_transform(rng):
    boxes = rng.normal(size=(2, 16, 16)).astype(np.float32)
    minus = -np.ones((16, 9), np.float32)
    np.testing.assert_allclose(resample(boxes, 16, minus), -boxes, atol=1e-6)


def test_the_background_is_of_mean_0_and_deviation_1_whatever_the_ramp(rng):
    y, x = np.mgrid[:64, :64]
    mask = background(64, 48)
    boxes = rng.normal(0, 7, (5, 64, 64)) + 20000 + 3.0 * y - 1.5 * x
    boxes[:, ~mask] += 100
    done = normalise(boxes.astype(np.float32), mask)
    np.testing.assert_allclose(done[:, mask].mean(1), 0, atol=1e-3)
    np.testing.assert_allclose(done[:, mask].std(1), 1, atol=1e-3)
    assert done[:, ~mask].mean() == pytest.approx(100 / 7, rel=0.05)
    slope = np.polyfit(y[mask], done[0][mask], 1)[0]
    assert abs(slope) < 1e-3


def test_the_grey_scale_of_the_camera_makes_no_difference(rng):
    boxes = rng.normal(size=(3, 32, 32)).astype(np.float32)
    mask = background(32, 24)
    np.testing.assert_allclose(normalise(boxes, mask), normalise(4 * boxes + 9, mask), atol=1e-4)


def test_a_box_without_contrast_becomes_zero_and_not_nan():
    boxes = np.full((2, 32, 32), 1234.5, np.float32)
    assert not normalise(boxes, background(32, 24)).any()
