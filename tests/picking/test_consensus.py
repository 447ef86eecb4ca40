"""What several pickers agree on."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.picks import PickTable, concatenate
from napari_cryoai.picking.consensus import consensus

RADIUS_PX = 20.0


@pytest.fixture
def truth():
    """Particles at least 50 px from each other."""
    y, x = np.meshgrid(np.arange(10), np.arange(12), indexing="ij")
    return 60.0 * np.column_stack([y.ravel(), x.ravel()]) + 40


def picker(truth, seed, name="m.mrc"):
    """Finds nine in ten, off by a few pixels, and makes up some of its own."""
    rng = np.random.default_rng(seed)
    found = truth[rng.random(len(truth)) < 0.9]
    made_up = rng.uniform(800, 5_000, (30, 2))
    at = np.concatenate([found + rng.normal(0, 3, found.shape), made_up])
    return PickTable.of_points(name, at, score=rng.random(len(at)), diameter_px=100.0)


def test_what_most_agree_on_is_what_there_is(truth):
    agreed = consensus([picker(truth, seed) for seed in range(5)], RADIUS_PX, votes=3)
    distance = np.linalg.norm(agreed.yx_px[:, None] - truth[None], axis=2)
    assert (distance.min(1) < 6).all()
    assert (distance.min(0) < 6).mean() > 0.97
    assert len(agreed) == len(np.unique(distance.argmin(1)))
    assert set(np.round(5 * agreed.score).astype(int)) <= {3, 4, 5}
    assert agreed.diameter_px == pytest.approx(100)


def test_the_mean_of_many_is_nearer_the_truth_than_one(truth):
    tables = [picker(truth, seed) for seed in range(6)]
    agreed = consensus(tables, RADIUS_PX, votes=6)
    away = np.linalg.norm(agreed.yx_px[:, None] - truth[None], axis=2).min(1)
    assert np.sqrt((away**2).mean()) < 3 * np.sqrt(2) / np.sqrt(6) * 1.2


def test_the_order_of_well_separated_pickers_does_not_matter(truth):
    tables = [picker(truth, seed) for seed in range(3)]
    results = [consensus(order, RADIUS_PX, votes=2) for order in permutations(tables)]
    reference = np.sort(results[0].yx_px.round(6), axis=0)
    for result in results[1:]:
        assert np.allclose(np.sort(result.yx_px.round(6), axis=0), reference)


def test_one_vote_is_the_union_and_no_particle_is_there_twice():
    a = PickTable.of_points("m", [[10, 10], [100, 100]])
    b = PickTable.of_points("m", [[14, 10], [200, 200]])
    union = consensus([a, b], RADIUS_PX, votes=1)
    assert union.yx_px.tolist() == [[12, 10], [100, 100], [200, 200]]
    assert union.score.tolist() == [1.0, 0.5, 0.5]
    assert np.isnan(union.diameter_px).all()


def test_two_picks_of_one_picker_are_two_particles():
    twice = PickTable.of_points("m", [[10, 10], [16, 10]])
    once = PickTable.of_points("m", [[11, 10]])
    assert len(consensus([twice, once], RADIUS_PX, votes=1)) == 2
    assert len(consensus([twice, once], RADIUS_PX, votes=2)) == 1


def test_micrographs_are_kept_apart(truth):
    tables = [
        concatenate([picker(truth, seed, "a"), picker(truth + 25, seed + 9, "b")])
        for seed in range(2)
    ]
    agreed = consensus(tables, RADIUS_PX, votes=2)
    for name, shift in (("a", 0), ("b", 25)):
        alone = consensus([table.of(name) for table in tables], RADIUS_PX, votes=2)
        assert np.array_equal(agreed.of(name).yx_px, alone.yx_px)
        away = np.linalg.norm(alone.yx_px[:, None] - truth[None] - shift, axis=2).min(1)
        assert np.median(away) < 5


def test_nothing_to_agree_on_is_refused():
    a, b = (PickTable.of_points(name, [[1, 1]]) for name in "ab")
    with pytest.raises(CryoAIError, match="votes"):
        consensus([a], RADIUS_PX, votes=1)
    with pytest.raises(CryoAIError, match="votes"):
        consensus([a, a], RADIUS_PX, votes=3)
    with pytest.raises(CryoAIError, match="no micrograph"):
        consensus([a, b], RADIUS_PX, votes=1)
