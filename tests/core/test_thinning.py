"""Non-maximum suppression against the definition of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_cryoai.core.thinning import thin


def greedy(yx: np.ndarray, score: np.ndarray, distance: float) -> np.ndarray:
    """Best first; whoever lies too close to one that was taken is not taken."""
    survives = np.zeros(len(yx), bool)
    order = sorted(range(len(yx)), key=lambda i: (-np.inf if np.isnan(score[i]) else -score[i], i))
    for i in order:
        offsets = yx[survives] - yx[i]
        survives[i] = not np.any(np.hypot(offsets[:, 0], offsets[:, 1]) < distance)
    return survives


@st.composite
def crowds(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(0, 40))
    # Whole numbers: picks coincide, tie and lie at the very distance often.
    yx = draw(arrays(float, (n, 2), elements=st.integers(0, 12).map(float)))
    score = draw(arrays(float, n, elements=st.sampled_from([0.0, 0.1, 0.5, 0.9, np.nan])))
    return yx, score


@given(crowds(), st.sampled_from([0.5, 1.0, 2.0, 5.0, 30.0]))
def test_it_is_the_greedy_choice_best_score_first(crowd, distance):
    yx, score = crowd
    assert np.array_equal(thin(yx, score, distance), greedy(yx, score, distance))


@given(crowds(), st.sampled_from([0.0, 0.1, 0.5, 0.9]))
def test_a_score_threshold_may_come_before_or_after_it(crowd, threshold):
    yx, score = crowd
    above = ~(score < threshold)
    after = thin(yx, score, 3.0) & above
    before = np.zeros_like(after)
    before[np.flatnonzero(above)[thin(yx[above], score[above], 3.0)]] = True
    assert np.array_equal(after, before)


@pytest.mark.parametrize("n", [3000])
def test_it_is_the_greedy_choice_on_a_crowded_micrograph(n):
    random = np.random.default_rng(0)
    yx, score = random.uniform(0, 4096, (n, 2)), random.random(n).astype(np.float32)
    survives = thin(yx, score, 120.0)
    assert np.array_equal(survives, greedy(yx, score, 120.0))
    assert 300 < survives.sum() < 1000


def test_picks_at_the_very_distance_both_stay():
    yx, score = np.array([[0.0, 0.0], [0.0, 10.0]]), np.array([1.0, 0.5])
    assert thin(yx, score, 10.0).all()
    assert thin(yx, score, 10.001).tolist() == [True, False]


def test_a_manual_pick_outranks_every_scored_one():
    yx, score = np.zeros((2, 2)), np.array([0.99, np.nan])
    assert thin(yx, score, 5.0).tolist() == [False, True]


def test_a_chain_loses_every_other_pick():
    yx = np.stack([np.zeros(7), np.arange(7.0)], axis=1)
    assert thin(yx, np.linspace(1, 0, 7), 1.5).tolist() == [True, False] * 3 + [True]


@pytest.mark.parametrize("distance", [0.0, -1.0])
def test_without_a_distance_nothing_is_thinned(distance):
    assert thin(np.zeros((3, 2)), np.zeros(3), distance).all()
