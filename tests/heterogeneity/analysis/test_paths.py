"""Paths among particles that lie where one knows the way."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.analysis import paths as module
from napari_cryoai.heterogeneity.analysis.paths import (
    along,
    dense,
    graph,
    resampled,
    spline,
    straight,
)

ENDS = [[1.0, 0.0], [-1.0, 0.0]]


def arch(n: int = 4000, width: float = 0.05) -> np.ndarray:
    """Particles on half a circle, from one of `ENDS` to the other."""
    random = np.random.default_rng(0)
    t = random.uniform(0, np.pi, n)
    return np.stack([np.cos(t), np.sin(t)], 1) + random.normal(0, width, (n, 2))


def steps(path: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.diff(path, axis=0), axis=1)


@pytest.mark.parametrize("how", [straight, spline])
@pytest.mark.parametrize("count", [2, 5, 20])
def test_a_path_has_as_many_places_as_were_asked_for_and_keeps_its_ends(how, count):
    path = how([[0, 0, 0], [1, 0, 0], [1, 2, 0]], count)
    assert path.shape == (count, 3)
    assert path[[0, -1]] == pytest.approx(np.array([[0, 0, 0], [1, 2, 0]], float))


def test_steps_are_equal():
    assert np.ptp(steps(straight([[0, 0], [1, 0], [1, 2]], 31))) < 1e-9
    curve = steps(spline([[0, 0], [1, 0], [1, 2]], 31))
    assert np.ptp(curve) < 0.02 * curve.mean()


def test_a_spline_passes_through_its_anchors():
    anchors = np.array([[0, 0], [1, 1], [2, -1], [4, 0.0]])
    path = spline(anchors, 1000)
    away = np.linalg.norm(path[:, None] - anchors, axis=2).min(0)
    assert away.max() < 0.01


def test_a_spline_through_two_points_is_straight():
    assert np.allclose(spline([[0, 0], [3, 3]], 7), straight([[0, 0], [3, 3]], 7))


def test_a_spline_at_a_sharp_turn_does_not_swing_far():
    path = spline([[0, 0], [10, 0], [10.1, 0.5], [0, 0.6]], 400)
    assert path[:, 0].max() < 11
    assert path[:, 1].min() > -1 and path[:, 1].max() < 1.6


@pytest.mark.parametrize("how", [graph, dense])
def test_a_way_over_particles_follows_the_arch_where_a_straight_one_crosses_the_void(how):
    z = arch()
    path = how(z, ENDS, 25)
    assert np.linalg.norm(path, axis=1).min() > 0.8
    assert path[[0, -1]] == pytest.approx(np.array(ENDS))
    assert np.linalg.norm(straight(ENDS, 25), axis=1).min() < 0.1


def test_a_dense_way_keeps_to_the_middle_where_the_shortest_one_cuts_the_corner():
    z = arch(width=0.1)
    off = [np.abs(np.linalg.norm(how(z, ENDS, 25)[3:-3], axis=1) - 1) for how in (dense, graph)]
    assert off[0].mean() < 0.6 * off[1].mean()


def test_a_dense_way_takes_the_lower_pass():
    # Two hills, a short way over an empty saddle and a longer one over a populated bridge.
    random = np.random.default_rng(1)
    hills = random.normal(0, 0.25, (2000, 2)) + np.repeat([[-1.0, 0], [1, 0]], 1000, 0)
    t = random.uniform(0, np.pi, 1500)
    bridge = np.stack([np.cos(t), 0.9 * np.sin(t)], 1) + random.normal(0, 0.06, (1500, 2))
    direct = random.uniform([-1, -0.1], [1, 0.1], (60, 2))
    z = np.concatenate([hills, bridge, direct])
    assert dense(z, [[-1, 0], [1, 0]], 21)[10, 1] > 0.6
    assert abs(graph(z, [[-1, 0], [1, 0]], 21)[10, 1]) < 0.3


@pytest.mark.parametrize("how", [graph, dense])
def test_a_gap_between_clouds_is_crossed(how):
    random = np.random.default_rng(0)
    z = random.normal(0, 0.1, (400, 2)) + np.repeat([[0.0, 0], [5, 0]], 200, 0)
    path = how(z, [[0, 0], [5, 0]], 11)
    assert np.abs(path[:, 1]).max() < 0.4
    assert path[[0, -1]] == pytest.approx(np.array([[0, 0], [5.0, 0]]))


def test_every_anchor_is_passed():
    z = arch()
    anchors = np.array([[1, 0], [0, 1], [-1, 0.0]])
    for how in (graph, dense):
        path = how(z, anchors, 200)
        assert np.linalg.norm(path[:, None] - anchors, axis=2).min(0).max() < 0.03


def test_few_of_many_particles_are_stepping_stones(monkeypatch):
    monkeypatch.setattr(module, "GRAPH_OF", 300)
    assert np.linalg.norm(dense(arch(), ENDS, 25), axis=1).min() > 0.8


def test_particles_are_counted_at_the_place_next_to_them():
    z = np.array([[0, 0.1], [0, -0.1], [1, 0], [2, 0.3], [2, -0.3]])
    found = along(z, [[0, 0], [1, 0], [2, 0]])
    assert found.nearest.tolist() == [0, 0, 1, 2, 2]
    assert found.counts(places=3).tolist() == [2, 1, 2]
    assert found.counts(found.distance.max() * 0.9, places=3).tolist() == [2, 1, 0]


@pytest.mark.parametrize("anchors", [[[0, 0]], [[1, 1], [1, 1]], [[0, 0], [np.nan, 1]], [1, 2]])
@pytest.mark.parametrize("how", [straight, spline])
def test_a_path_needs_two_places(how, anchors):
    with pytest.raises(CryoAIError):
        how(anchors, 5)


def test_a_path_of_one_place_is_none():
    with pytest.raises(CryoAIError, match="two places"):
        resampled([[0, 0], [1, 1]], 1)
