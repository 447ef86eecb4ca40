"""Correlation in Fourier space against the definition of the correlation coefficient."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.picking.correlate import Correlator, disc


def by_definition(image, mask, template):
    """Masked, normalised correlation at each pixel, one after the other."""
    half = mask.shape[0] // 2
    padded = np.pad(image, half, mode="symmetric").astype(float)
    weight = mask / mask.sum()
    centred = template - (weight * template).sum()
    norm = np.sqrt((weight * centred**2).sum())
    result = np.empty(image.shape)
    for y, x in np.ndindex(image.shape):
        under = padded[y : y + 2 * half + 1, x : x + 2 * half + 1]
        offset = under - (weight * under).sum()
        spread = np.sqrt((weight * offset**2).sum())
        result[y, x] = (weight * centred * offset).sum() / (norm * spread)
    return result


@pytest.mark.parametrize("shape", [(40, 53), (37, 37)])
def test_it_is_the_masked_normalised_correlation(shape):
    rng = np.random.default_rng(0)
    image = rng.normal(size=shape).astype(np.float32)
    mask, _ = disc(5.5)
    template = rng.normal(size=mask.shape).astype(np.float32)
    found = Correlator(image, mask).correlate(template)
    assert np.abs(found - by_definition(image, mask, template)).max() < 1e-4


def test_the_template_itself_scores_one_where_it_lies():
    rng = np.random.default_rng(1)
    mask, _ = disc(8.0)
    half = mask.shape[0] // 2
    template = rng.normal(size=mask.shape).astype(np.float32)
    image = rng.normal(size=(90, 80)).astype(np.float32)
    image[30 - half : 31 + half, 50 - half : 51 + half] = 3 * template + 7
    score = Correlator(image, mask).correlate(template)
    assert np.unravel_index(score.argmax(), score.shape) == (30, 50)
    assert score[30, 50] == pytest.approx(1, abs=1e-3)
    assert np.abs(score).max() <= 1.001


def test_brightness_and_contrast_of_image_and_template_do_not_matter():
    rng = np.random.default_rng(2)
    mask, _ = disc(4.0)
    image = rng.normal(size=(50, 50)).astype(np.float32)
    template = rng.normal(size=mask.shape).astype(np.float32)
    plain = Correlator(image, mask).correlate(template)
    other = Correlator(5 * image + 3, mask).correlate(2 * template - 1)
    assert np.abs(plain - other).max() < 1e-3


def test_nothing_scores_where_the_image_is_flat():
    rng = np.random.default_rng(3)
    mask, distance = disc(5.0)
    image = rng.normal(size=(80, 80)).astype(np.float32)
    image[:, :30] *= 1e-4
    score = Correlator(image, mask).correlate((distance < 3).astype(np.float32))
    assert np.abs(score[:, :20]).max() < 0.01


@pytest.mark.parametrize("radius", [3.0, 9.5, 19.25])
def test_a_disc_has_the_area_of_a_disc(radius):
    mask, distance = disc(radius)
    assert mask.sum() == pytest.approx(np.pi * (radius + 0.0) ** 2, rel=0.03)
    assert mask.shape[0] % 2 == 1
    assert distance[mask.shape[0] // 2, mask.shape[0] // 2] == 0
    assert not mask[[0, -1]].any()
