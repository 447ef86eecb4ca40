"""A threshold from the scores themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage
from skimage.filters import threshold_otsu

from napari_cryoai.picking.correlate import Correlator, disc
from napari_cryoai.picking.peaks import find_peaks
from napari_cryoai.picking.threshold import choose_threshold, noise_level, otsu


def mixture(seed, particles, noise):
    rng = np.random.default_rng(seed)
    scores = np.concatenate([rng.normal(0.5, 0.05, particles), rng.normal(0.1, 0.04, noise)])
    return scores.astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("particles", "noise"), [(100, 300), (300, 300), (30, 500)])
def test_two_groups_of_scores_are_parted(seed, particles, noise):
    scores = mixture(seed, particles, noise)
    threshold = choose_threshold(scores, 0.15)
    assert abs((scores >= threshold).sum() - particles) <= 0.02 * particles + 1


def test_noise_alone_stays_below_what_noise_reaches():
    scores = np.abs(np.random.default_rng(0).normal(0, 0.06, 500)).astype(np.float32)
    assert choose_threshold(scores, 0.2) == 0.2
    assert (scores >= 0.2).mean() < 0.01


@pytest.mark.parametrize("scores", [[], [0.4], [0.4, 0.4, 0.4], [np.nan, np.nan], [np.nan, 0.3]])
def test_without_two_different_scores_noise_decides(scores):
    assert choose_threshold(np.array(scores, np.float32), 0.17) == 0.17


def test_missing_scores_do_not_count():
    scores = mixture(0, 100, 300)
    with_gaps = np.concatenate([scores, np.full(50, np.nan, np.float32)])
    assert choose_threshold(with_gaps, 0.1) == choose_threshold(scores, 0.1)


@pytest.mark.parametrize("bins", [128, 256])
@pytest.mark.parametrize("seed", range(5))
def test_the_cut_is_otsu_s(seed, bins):
    rng = np.random.default_rng(seed)
    for values in (mixture(seed, 200, 700), rng.gamma(2, 0.1, (40, 50)), rng.normal(size=300)):
        assert otsu(values, bins) == pytest.approx(threshold_otsu(values, bins), rel=1e-5)


@given(arrays(np.float64, st.integers(2, 30), elements=st.integers(-50, 50).map(float)))
def test_no_other_cut_parts_the_groups_better(values):
    cut = otsu(values, 1000)
    if values.min() == values.max():
        assert cut == values[0]
        return

    def between(at):
        low, high = values[values <= at], values[values > at]
        if not len(low) or not len(high):
            return 0.0
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2

    best = max(between(at) for at in np.unique(values)[:-1])
    bin_width = np.ptp(values) / 1000
    found = max(between(cut + s * bin_width) for s in (-0.6, 0, 0.6))
    assert found == pytest.approx(best, rel=0.02)  # a bin's values count as its middle


@pytest.mark.parametrize("quantile", [0.5, 0.95])
def test_noise_stays_below_its_level_as_often_as_asked(quantile):
    mask, distance = disc(12.0)
    template = np.exp(-(distance**2) / 40).astype(np.float32)
    level = noise_level(lambda noise: Correlator(noise, mask).correlate(template), 15.0, quantile)
    other = np.random.default_rng(7).standard_normal((700, 700), np.float32)
    other = ndimage.gaussian_filter(other, 0.5)
    _, score = find_peaks(Correlator(other, mask).correlate(template), 15.0)
    assert (score < level).mean() == pytest.approx(quantile, abs=0.04)
