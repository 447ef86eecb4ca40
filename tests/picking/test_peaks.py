"""Peaks of a score map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import pdist

from napari_cryoai.core.thinning import thin
from napari_cryoai.picking.peaks import find_peaks


def noise(shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("at", [(12.0, 9.0), (12.3, 9.4), (11.75, 8.51)])
def test_the_top_of_a_parabola_is_found_exactly(at):
    y, x = np.mgrid[:25, :20]
    scores = (1 - 0.01 * (y - at[0]) ** 2 - 0.02 * (x - at[1]) ** 2).astype(np.float32)
    yx, value = find_peaks(scores, 5.0)
    assert np.abs(yx[0] - at).max() < 1e-3
    assert value[0] == scores.max()


def test_peaks_come_best_first_and_above_the_floor():
    _, value = find_peaks(noise((60, 70), 0), 3.0, floor=0.5)
    assert np.all(np.diff(value) <= 0)
    assert value.min() > 0.5


@pytest.mark.parametrize("distance", [1.0, 2.5, 6.0, 15.4])
def test_no_two_peaks_are_closer_than_the_distance(distance):
    yx, _ = find_peaks(noise((120, 90), 1), distance)
    assert pdist(np.round(yx)).min() >= distance


@pytest.mark.parametrize("distance", [0.0, 1.0, 4.0, 7.7, 50.0])
@pytest.mark.parametrize("seed", range(3))
def test_the_choice_among_them_is_that_of_thinning(distance, seed):
    scores = noise((80, 61), seed)
    all_yx, all_value = find_peaks(scores, 0.0)
    yx, value = find_peaks(scores, distance)
    pixels = np.array([np.argwhere(scores == v)[0] for v in all_value])
    survives = thin(pixels, all_value, distance)
    assert np.array_equal(yx, all_yx[survives])
    assert np.array_equal(value, all_value[survives])


@given(arrays(np.float32, (9, 11), elements=st.integers(0, 3).map(float)))
def test_plateaus_and_ties_give_separate_peaks_inside_the_image(scores):
    yx, value = find_peaks(scores, 2.0)
    assert len(yx) == len(value)
    assert np.array_equal(yx, np.clip(yx, 0, (8, 10)))
    if len(yx) > 1:
        assert pdist(yx).min() >= 1.0
    assert (len(yx) > 0) == (scores.max() > 0)


def test_a_map_without_positive_scores_has_no_peaks():
    yx, value = find_peaks(np.full((20, 20), -1, np.float32), 3.0)
    assert yx.shape == (0, 2)
    assert value.shape == (0,)


def test_a_peak_on_the_border_is_a_peak():
    scores = np.zeros((10, 10), np.float32)
    scores[0, 4] = scores[9, 9] = 1
    yx, _ = find_peaks(scores, 3.0)
    assert sorted(yx.tolist()) == [[0, 4], [9, 9]]
