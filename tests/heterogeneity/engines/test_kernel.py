"""States from the raw particles around a place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.engines import kernel
from napari_cryoai.heterogeneity.engines.kernel import kernel_weights, state
from napari_cryoai.jobs.progress import finish


@pytest.fixture(scope="module")
def table(moving) -> LatentTable:
    """Places that tell the state, as well as a good encoder would."""
    n = len(moving.stack)
    noise = np.random.default_rng(0).normal(0, 0.05, n)
    return LatentTable(
        (moving.truth.state + noise)[:, None].astype(np.float32),
        np.full((n, 1, 1), 0.05**2, np.float32),
        np.arange(n),
        np.array([str(i) for i in range(n)]),
    )


def test_particles_at_the_place_count_most(table):
    weights = kernel_weights(table, [0.5], 1.0)
    away = np.abs(table.mean[:, 0] - 0.5)
    assert np.array_equal(np.argsort(-weights, kind="stable")[:50], np.argsort(away)[:50])


def test_a_particle_of_uncertain_place_counts_further_away(table):
    wide = table.covariance.copy()
    wide[0] = 1.0
    wider = LatentTable(table.mean, wide, table.rows, table.names)
    place = table.mean[0] + 1
    assert kernel_weights(wider, place, 0.5)[0] > 100 * kernel_weights(table, place, 0.5)[0]


def test_the_map_of_a_state_is_nearest_to_that_state(moving, table):
    found = finish(state(table, moving.stack, [0.0], device="cpu"))
    mean = moving.maps.mean(0)
    difference = found.map - (found.map * mean).sum() / mean.square().sum() * mean
    scores = [float((difference * (m - mean)).sum() / (m - mean).norm()) for m in moving.maps]
    assert int(np.argmax(scores)) <= 1


def test_halves_come_from_different_particles(moving, table):
    found = finish(state(table, moving.stack, [0.5], device="cpu"))
    assert not torch.allclose(found.half1, found.half2)


def test_halves_are_those_of_the_file(moving, table, monkeypatch):
    """A half map knows the images of its own half only; those of the other may be anything."""
    monkeypatch.setattr(kernel, "TRIED", 1)  # of several bandwidths the other half chooses
    half = np.random.default_rng(1).integers(1, 3, len(moving.stack)).astype(np.int8)
    images = moving.stack.images.read(np.arange(len(half)))
    images[half == 2] = 1 - images[half == 2]
    spoilt = replace(moving.stack, half=half, images=type(moving.stack.images)(images))
    first, second = (
        finish(state(table, stack, [0.5], device="cpu"))
        for stack in (replace(moving.stack, half=half), spoilt)
    )
    assert torch.equal(first.half1, second.half1)
    assert not torch.allclose(first.half2, second.half2)


def test_a_place_without_particles_is_refused(moving, table):
    with pytest.raises(CryoAIError, match="particles' worth"):
        finish(state(table, moving.stack, [9.0]))


def test_other_particles_are_refused(moving, table):
    with pytest.raises(CryoAIError, match="trained on"):
        finish(state(table, moving.stack.select(np.arange(100)), [0.5]))
