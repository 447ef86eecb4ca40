"""Whether a latent space knows states: known cases."""

import numpy as np
import pytest

from napari_cryoai.heterogeneity.scoring.latent_scores import latent_scores

RNG = np.random.default_rng(0)


def circle(n: int, states: int = 50) -> np.ndarray:
    angle = 2 * np.pi * RNG.integers(states, size=n) / states
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def test_a_space_that_is_the_truth_scores_full_marks():
    truth = circle(1000)
    found = latent_scores(truth + RNG.normal(0, 1e-6, truth.shape), truth)
    assert found.similarity == pytest.approx(1)
    assert found.explained == pytest.approx(1, abs=0.01)
    assert found.by_chance < 0.1


def test_a_turned_and_stretched_space_is_as_good():
    truth = circle(1000)
    z = np.concatenate([truth @ [[0, 3.0], [-3.0, 0]], np.zeros((1000, 3))], 1)
    assert latent_scores(z + RNG.normal(0, 1e-6, z.shape), truth).similarity == pytest.approx(1)


def test_noise_scores_what_chance_does():
    found = latent_scores(RNG.normal(size=(2000, 8)), circle(2000))
    assert found.similarity == pytest.approx(found.by_chance, abs=0.01)
    assert found.explained == pytest.approx(0, abs=0.03)


def test_blurred_places_lie_in_between():
    truth = circle(2000)
    scores = [latent_scores(truth + RNG.normal(0, s, truth.shape), truth) for s in (0.05, 0.3, 1.0)]
    assert scores[0].explained > scores[1].explained > scores[2].explained > 0.1
    assert scores[0].similarity > scores[1].similarity > scores[2].similarity


def test_classes_that_lie_apart_are_told_apart():
    state = RNG.integers(10, size=1500)
    z = RNG.normal(size=(10, 4))[state] * 20 + RNG.normal(0, 0.1, (1500, 4))
    found = latent_scores(z, np.eye(10)[state])
    assert found.similarity == pytest.approx(1)
    assert found.by_chance == pytest.approx(0.1, abs=0.01)
    assert found.explained == pytest.approx(1, abs=0.01)


def test_where_there_is_one_state_nothing_can_be_explained():
    found = latent_scores(RNG.normal(size=(300, 2)), np.zeros((300, 1)))
    assert found.similarity == found.by_chance == 1
    assert np.isnan(found.explained)


def test_a_single_particle_has_no_neighbours():
    assert np.isnan(latent_scores(np.zeros((1, 2)), np.zeros((1, 1))).similarity)


def test_particles_in_the_very_same_place_are_neighbours_of_each_other():
    state = np.repeat([0, 1], 100)
    found = latent_scores(state[:, None].astype(float), state[:, None].astype(float))
    assert found.similarity == 1
