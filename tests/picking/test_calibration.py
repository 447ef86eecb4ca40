"""A calibrated score is the share of picks that are right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from napari_cryoai.picking.calibration import (
    Calibration,
    best_threshold,
    calibration_error,
    fit,
    keeping,
)


def _drawn(slope: float, intercept: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    logit = rng.uniform(-6, 4, n).astype(np.float32)
    return logit, rng.random(n) < expit(slope * logit + intercept)


@pytest.mark.parametrize(("slope", "intercept"), [(1, 0), (0.5, 1.5), (2.5, -2)])
def test_a_known_curve_is_found_again(slope, intercept):
    logit, hit = _drawn(slope, intercept)
    found = fit(logit, hit)
    assert found.slope == pytest.approx(slope, rel=0.06)
    assert found.intercept == pytest.approx(intercept, abs=0.12)
    assert calibration_error(found.probability(logit), hit) < 0.015


def test_a_threshold_is_kept_in_probabilities():
    curve = Calibration(slope=0.7, intercept=-1.2)
    for probability in (0.02, 0.5, 0.99):
        logit = np.array([curve.logit(probability)])
        assert curve.probability(logit)[0] == pytest.approx(probability, rel=1e-4)
    assert curve.probability(np.array([-1e6, 1e6])).tolist() == [0, 1]


@pytest.mark.parametrize("hit", [[], [True], [False], [True] * 9, [False] * 9])
def test_of_one_kind_only_nothing_can_be_learned(hit):
    logit = np.linspace(-3, 3, len(hit), dtype=np.float32)
    assert fit(logit, np.array(hit, bool), missed=3) == Calibration()


@pytest.mark.parametrize("scale", [0.01, 1.0, 50.0])
def test_a_picker_that_is_always_right_is_not_taken_for_infallible(scale):
    logit = scale * np.linspace(-3, 3, 40).astype(np.float32)
    curve = fit(logit, logit > 0)
    assert np.isfinite(curve).all()
    assert curve.slope > 0
    probability = curve.probability(logit)
    assert (np.diff(probability) >= 0).all()
    kept = probability >= curve.threshold
    assert np.array_equal(kept, logit > 0)
    assert 0.9 < probability[-1] < 1


def test_a_picker_whose_scores_say_nothing_gives_all_the_same_probability():
    logit = np.tile(np.linspace(-3, 3, 50, dtype=np.float32), 10)
    hit = np.repeat(np.arange(10) < 3, 50)
    assert fit(logit, hit).probability(logit) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("missed", [0, 200, 3000])
def test_no_other_threshold_gives_a_higher_f1(missed):
    logit, hit = _drawn(1, 0, 2000)
    curve = fit(logit, hit, missed)
    probability = curve.probability(logit)

    def f1(threshold):
        kept = probability >= threshold
        return 2 * hit[kept].sum() / (kept.sum() + hit.sum() + missed)

    assert f1(curve.threshold) == pytest.approx(max(map(f1, probability)))


def test_picks_of_one_score_are_kept_together():
    probability = np.array([0.9] * 4 + [0.4] * 5, np.float32)
    hit = np.array([True, *[False] * 7, True])
    # 0.9 keeps four with one right, 0.4 nine with two; only the first row would be no threshold.
    assert best_threshold(probability, hit, missed=0) == pytest.approx(0.4)


def test_the_more_are_missed_the_lower_the_threshold():
    logit, hit = _drawn(1, 0, 2000)
    thresholds = [fit(logit, hit, missed).threshold for missed in (0, 500, 5000)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert thresholds[0] > thresholds[-1]


def test_true_probabilities_have_no_calibration_error_and_false_ones_have():
    rng = np.random.default_rng(1)
    probability = rng.random(50_000)
    hit = rng.random(50_000) < probability
    assert calibration_error(probability, hit) < 0.01
    assert calibration_error(np.minimum(probability + 0.2, 1), hit) == pytest.approx(0.18, abs=0.02)
    assert calibration_error(np.ones(9), np.zeros(9, bool)) == 1
    assert calibration_error(np.ones(9), np.ones(9, bool)) == 0
    assert calibration_error(np.empty(0), np.empty(0, bool)) == 0


def _peaks(share: float, n: int = 800, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Logits of noise and of particles, which overlap."""
    rng = np.random.default_rng(seed)
    hit = rng.random(n) < share
    return rng.normal(np.where(hit, 1.5, -1.5), 1.2).astype(np.float32), hit


def test_where_there_are_no_particles_the_peaks_of_noise_are_not_taken_for_some():
    curve = fit(*_peaks(0.4, 20_000))
    noise, _ = _peaks(0.0)
    assert (curve.probability(noise) > 0.5).sum() > 20
    assert (curve.scores(noise) > 0.5).sum() <= 1


@pytest.mark.parametrize("share", [0.03, 0.08, 0.15])
def test_scores_mean_what_they_say_on_a_micrograph_with_few_particles(share):
    curve = fit(*_peaks(0.4, 20_000))
    logit, hit = _peaks(share, 4_000)
    assert calibration_error(curve.scores(logit), hit) < 0.03
    assert calibration_error(curve.probability(logit), hit) > 0.04


def test_scores_are_never_higher_than_the_curve_says():
    curve = fit(*_peaks(0.4, 20_000))
    for share in (0.0, 0.2, 0.5, 0.9, 1.0):
        logit, _ = _peaks(share)
        assert (curve.scores(logit) <= curve.probability(logit) + 1e-6).all()
    assert np.array_equal(curve.scores(logit), curve.probability(logit))  # all are particles
    assert len(curve.scores(logit[:0])) == 0


def test_scores_of_a_steep_curve_are_numbers():
    curve = Calibration(slope=400.0, intercept=3.0, base=0.4)
    logit = np.array([9.0, -0.05, -9.0, -9.0, -9.0, -9.0, -9.0, -9.0], np.float32)
    assert curve.scores(logit)[0] == pytest.approx(1)
    assert curve.scores(logit)[2:].max() == pytest.approx(0)


def test_peaks_that_do_not_count_have_scores_all_the_same():
    curve = fit(*_peaks(0.4, 20_000))
    noise, _ = _peaks(0.0)
    on_carbon = np.full(200, 4.0, np.float32)
    together = np.concatenate([noise, on_carbon])
    counted = np.arange(len(together)) < len(noise)
    assert curve.scores(together, counted)[counted] == pytest.approx(curve.scores(noise))


def test_the_threshold_of_a_set_gives_the_f1_that_is_to_be_expected():
    rng = np.random.default_rng(5)
    for certain in (0.3, 2.0, 6.0):
        probability = expit(certain * rng.normal(-1, 2, 4_000))
        threshold = keeping(probability, 0.0)
        assert threshold <= 0.5

        def expected(at, p=probability):
            return 2 * p[p >= at].sum() / ((p >= at).sum() + p.sum())

        best = max(map(expected, np.linspace(0, 0.99, 199)))
        assert expected(threshold) == pytest.approx(best, abs=2e-3)
    assert keeping(probability, 0.9) == 0.9
    assert keeping(probability[:0], 0.4) == 0.4
