"""Groups of particles that were put there."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.analysis import clusters as module
from napari_cryoai.heterogeneity.analysis.clusters import Clusters, hills, kmeans, nearest_particles


def blobs(n: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    centres = np.array([[0, 0, 0], [4, 0, 0], [8, 3, 0]])
    truth = np.repeat([0, 1, 2], [n // 2, n // 3, n - n // 2 - n // 3])
    z = centres[truth] + random.normal(0, 0.4, (n, 3))
    order = random.permutation(n)
    return z[order], truth[order]


def crescents(n: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Two half moons around one another, that no straight line divides."""
    random = np.random.default_rng(0)
    t, truth = random.uniform(0, np.pi, n), np.arange(n) % 2
    upper = np.stack([np.cos(t), np.sin(t)], 1)
    lower = np.stack([1 - np.cos(t), 0.4 - np.sin(t)], 1)
    return np.where(truth[:, None] == 0, upper, lower) + random.normal(0, 0.07, (n, 2)), truth


def agreement(found: Clusters, truth: np.ndarray) -> float:
    """Share of the particles in the group that most of their own kind are in."""
    own = [np.bincount(found.labels[truth == k]).max() for k in np.unique(truth)]
    return sum(own) / len(truth) if len(found.centres) == len(own) else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_kmeans_finds_three_clouds_whatever_the_seed(seed):
    z, truth = blobs()
    found = kmeans(z, 3, seed=seed)
    assert np.array_equal(found.labels, truth)  # numbered along the longest axis
    assert found.sizes.tolist() == np.bincount(truth).tolist()


def test_a_centre_of_kmeans_is_the_mean_of_its_particles():
    z = np.random.default_rng(0).normal(size=(500, 2))
    found = kmeans(z, 6)
    means = [z[found.labels == k].mean(0) for k in range(6)]
    assert found.centres == pytest.approx(np.array(means), abs=0.02)


def test_every_particle_is_with_its_nearest_centre():
    z = np.random.default_rng(0).normal(size=(500, 4))
    found = kmeans(z, 7)
    away = np.linalg.norm(z[:, None] - found.centres, axis=2)
    assert np.array_equal(found.labels, away.argmin(1))


def test_a_group_is_represented_by_one_of_its_own_particles():
    z, _ = blobs()
    for found in (kmeans(z, 3), hills(z)):
        assert np.array_equal(found.labels[found.representatives], np.arange(3))


def test_few_of_many_place_the_centres(monkeypatch):
    monkeypatch.setattr(module, "MEANS_OF", 100)
    z, truth = blobs(3000)
    assert np.array_equal(kmeans(z, 3).labels, truth)


def test_groups_are_never_empty():
    z = np.repeat(np.arange(5.0), 20)[:, None] * [1, 2]
    assert kmeans(z, 5).sizes.tolist() == [20] * 5


@pytest.mark.parametrize("count", [0, 6, 101])
def test_more_groups_than_places_are_refused(count):
    with pytest.raises(CryoAIError, match="particles"):
        kmeans(np.repeat(np.arange(5.0), 20)[:, None], count)


def test_hills_find_three_clouds_without_being_told_how_many():
    z, truth = blobs()
    assert agreement(hills(z), truth) > 0.99


def test_hills_follow_shapes_that_kmeans_cuts():
    z, truth = crescents()
    assert agreement(hills(z, neighbours=20), truth) > 0.99
    assert agreement(kmeans(z, 2), truth) < 0.95


def test_particles_that_were_not_used_follow_those_that_were(monkeypatch):
    monkeypatch.setattr(module, "HILLS_OF", 600)
    z, truth = blobs(3000)
    assert agreement(hills(z), truth) > 0.99


@pytest.mark.parametrize("dimensions", [1, 2, 8])
@pytest.mark.parametrize("seed", range(4))
def test_one_cloud_is_one_hill(dimensions, seed):
    z = np.random.default_rng(seed).normal(size=(4000, dimensions))
    assert len(hills(z).centres) == 1


def test_a_few_particles_have_no_density():
    with pytest.raises(CryoAIError, match="neighbours"):
        hills(np.zeros((10, 2)))


def test_the_nearest_particle():
    z = np.array([[0.0, 0], [1, 0], [5, 5]])
    assert nearest_particles(z, [[0.9, 0.1], [4, 4]]).tolist() == [1, 2]
