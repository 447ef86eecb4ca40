"""The maximisation against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.heterogeneity.analysis.deconvolution import Floats, Likelihoods, deconvolved
from napari_cryoai.jobs.progress import finish

CELLS = np.linspace(-3, 3, 61)


def measurements(n: int = 2000, noise: float = 0.5) -> tuple[Likelihoods, Floats]:
    """Half of the particles at -1 and half at 1, measured with noise."""
    random = np.random.default_rng(0)
    y = np.where(random.random(n) < 0.5, -1, 1) + noise * random.normal(size=n)
    likelihood = np.exp(-0.5 * ((y[:, None] - CELLS) / noise) ** 2)
    return likelihood.astype(np.float32), np.ones(n)


def gain(likelihood: Likelihoods, density: Floats) -> float:
    return float(np.log(likelihood @ density).mean())


def test_the_density_is_one_and_never_negative():
    density, rounds = finish(deconvolved(*measurements(), 0))
    assert density.sum() == pytest.approx(1)
    assert (density >= 0).all() and rounds >= 1


def test_particles_are_likelier_than_by_the_truth_blurred_by_a_hair():
    likelihood, count = measurements()
    density, _ = finish(deconvolved(likelihood, count, 0))
    truth = np.exp(-0.5 * ((np.abs(CELLS) - 1) / 0.2) ** 2)
    assert gain(likelihood, density) > gain(likelihood, truth / truth.sum())


def test_leaps_arrive_where_many_small_steps_do():
    likelihood, count = measurements(300)
    density, _ = finish(deconvolved(likelihood, count, 0))
    small = np.full(len(CELLS), 1 / len(CELLS))
    for _ in range(400):
        small = small * ((1 / (likelihood @ small)) @ likelihood) / len(likelihood)
    assert gain(likelihood, density) == pytest.approx(gain(likelihood, small), abs=0.01)


def test_a_group_of_two_counts_as_two_particles():
    likelihood, _ = measurements(200)
    twice = np.repeat(likelihood, 2, 0)
    one, _ = finish(deconvolved(likelihood, np.full(200, 2.0), 0))
    other, _ = finish(deconvolved(twice, np.ones(400), 0))
    # Where it is cut in halves differs, so peaks may be sharper or blunter; not how full they are.
    assert one[CELLS < 0].sum() == pytest.approx(other[CELLS < 0].sum(), abs=0.02)


def test_it_can_be_cancelled():
    job = deconvolved(*measurements(), 0)
    assert next(job).done == 1
    job.close()
