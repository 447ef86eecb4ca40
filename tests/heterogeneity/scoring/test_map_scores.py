"""Scores of maps against true maps: known cases."""

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.scoring.map_scores import (
    DifferenceScores,
    FscScores,
    area,
    correlation,
    mask_of_states,
    resolution_px,
)
from napari_cryoai.physics.radial import low_pass

N = 24


@pytest.fixture
def states() -> torch.Tensor:
    """Five maps `(5, n, n, n)`: a ball that stays, and one that wanders past it."""
    z, y, x = torch.meshgrid(*[torch.arange(N) - N / 2] * 3, indexing="ij")
    still = torch.exp(-(z**2 + y**2 + x**2) / 12)
    return torch.stack(
        [
            still + 0.7 * torch.exp(-((z - 6) ** 2 + y**2 + (x - a) ** 2) / 6)
            for a in range(-6, 7, 3)
        ]
    )


def at(maps):
    return lambda i: maps[i]


def test_the_area_of_a_perfect_fsc_is_a_half():
    assert area(torch.ones(33, dtype=torch.float64)) == pytest.approx(0.5)
    assert area(torch.zeros(33, dtype=torch.float64)) == pytest.approx(0.5 / 32 / 2)
    falling = torch.linspace(1, 0, 33, dtype=torch.float64)
    assert area(falling) == pytest.approx(0.25)
    # The value at frequency 0, the mean of a map, says nothing.
    falling[0] = -1
    assert area(falling) == pytest.approx(0.25)


def test_resolution_is_in_pixels_and_never_beyond_the_box():
    step = torch.ones(33)
    step[17:] = 0
    assert resolution_px(step) == pytest.approx(64 / 16.5)
    assert resolution_px(torch.zeros(33)) == 64
    assert resolution_px(torch.ones(33)) == 2


def test_the_true_maps_themselves_score_full_marks_at_any_scale(states):
    scores = FscScores.of(at(7 * states), at(states), 5)
    assert scores.auc == pytest.approx(0.5)
    found = DifferenceScores.of(at(7 * states + 0.3), at(states), 5, 2.0, 8.0)
    assert found.correlation == pytest.approx(1, abs=1e-4)
    assert found.amplitude == pytest.approx(1, rel=1e-4)
    assert found.variation == pytest.approx(found.true_variation, rel=1e-4)


def test_one_map_for_all_has_no_differences_that_could_be_right(states):
    mean = states.mean(0)
    found = DifferenceScores.of(lambda _: mean, at(states), 5, 2.0, 8.0)
    assert found.correlation.tolist() == [0.0] * 5
    assert found.amplitude == pytest.approx(0, abs=1e-6)
    assert found.variation == 0
    assert FscScores.of(lambda _: mean, at(states), 5).auc.max() < 0.5


def test_half_of_the_motion_is_an_amplitude_of_a_half(states):
    half = 0.5 * states + 0.5 * states.mean(0)
    found = DifferenceScores.of(at(half), at(states), 5, 2.0, 8.0)
    assert found.amplitude == pytest.approx(0.5, rel=1e-4)
    assert found.correlation == pytest.approx(1, abs=1e-4)


def test_states_in_the_wrong_order_correlate_less_than_nothing(states):
    found = DifferenceScores.of(at(states.flip(0)), at(states), 5, 2.0, 8.0)
    assert found.correlation[0] < 0
    assert found.amplitude < 0


def test_noise_beyond_the_low_pass_does_not_count(states):
    noise = torch.randn(states.shape, generator=torch.Generator().manual_seed(0))
    fine = noise - low_pass(noise, 2.0, 6.5)
    found = DifferenceScores.of(at(states + 0.5 * fine), at(states), 5, 2.0, 10.0)
    assert found.correlation.min() > 0.98


def test_where_the_truth_does_not_vary_nothing_is_said_of_correlation(states):
    truth = states[:1].repeat(5, 1, 1, 1)
    found = DifferenceScores.of(at(states), at(truth), 5, 2.0, 8.0)
    assert np.isnan(found.correlation).all()
    assert np.isnan(found.amplitude)
    assert found.variation > 0.1
    assert found.true_variation < 1e-5


def test_correlation_does_not_see_scale_or_offset():
    a = torch.randn(6, 6, 6, generator=torch.Generator().manual_seed(1))
    assert correlation(a, 3 * a + 2) == pytest.approx(1)
    assert correlation(a, -a) == pytest.approx(-1)
    assert np.isnan(correlation(a, torch.ones(6, 6, 6)))
    assert correlation(torch.ones(6, 6, 6), a) == 0


def test_maps_of_another_box_are_refused(states):
    with pytest.raises(CryoAIError, match="24 voxels along a side, the true ones 12"):
        FscScores.of(at(states), at(states[:, ::2, ::2, ::2]), 5)


def test_in_the_mask_of_all_states_noise_outside_does_not_count(states):
    mask = mask_of_states(at(states), 5, 2.0)
    assert ((states > 0.3 * states.max()).any(0) <= (mask > 0.99)).all()
    assert 0.05 < float(mask.mean()) < 0.6
    noise = torch.randn(states.shape, generator=torch.Generator().manual_seed(0))
    noisy = states + 0.3 * noise * (mask < 1e-3)
    assert FscScores.of(at(noisy), at(states), 5).auc.max() < 0.4
    assert FscScores.of(at(noisy), at(states), 5, mask).auc.min() > 0.49
