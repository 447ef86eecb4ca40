"""The brush against the distance of every point to every piece of the stroke."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_cryoai.core.brush import near


def by_definition(xy: np.ndarray, path: np.ndarray, radii: tuple[float, float]) -> np.ndarray:
    """The squared distance to the nearest piece, in units of the radius."""
    points, line = np.asarray(xy, float) / radii, np.asarray(path, float) / radii
    nearest = ((points - line[0]) ** 2).sum(1)
    for a, b in pairwise(line):
        along = b - a
        t = np.clip((points - a) @ along / max(along @ along, 1e-300), 0, 1)
        nearest = np.minimum(nearest, ((points - a - t[:, None] * along) ** 2).sum(1))
    return nearest


def check(xy: np.ndarray, path: np.ndarray, radii: tuple[float, float]) -> None:
    squared, found = by_definition(xy, path, radii), near(xy, path, radii)
    clear = np.abs(squared - 1) > 1e-9  # at the very rim the last bit decides
    assert np.array_equal(found[clear], squared[clear] <= 1)


@given(
    arrays(float, st.tuples(st.integers(1, 9), st.just(2)), elements=st.floats(-5, 5, width=32)),
    arrays(
        np.float32, st.tuples(st.integers(1, 80), st.just(2)), elements=st.floats(-6, 6, width=32)
    ),
    st.sampled_from([(0.1, 0.1), (1.0, 1.0), (0.5, 2.0), (20.0, 30.0)]),
)
def test_it_takes_what_is_within_the_radius_of_the_stroke(path, xy, radii):
    check(xy, path, radii)


@pytest.mark.parametrize("radii", [(0.3, 0.3), (0.02, 0.02), (0.2, 0.7), (3.0, 3.0)])
def test_no_point_of_many_is_decided_wrongly(radii):
    random = np.random.default_rng(0)
    t = np.linspace(0, 6, 120)
    path = np.stack([2 * np.cos(t), np.sin(2 * t)], 1)
    check(random.normal(size=(100_000, 2)).astype(np.float32), path, radii)


def test_a_single_click_is_a_disc():
    xy = np.random.default_rng(0).normal(size=(5000, 2))
    assert np.array_equal(near(xy, [[0.2, -0.1]], 0.5), np.hypot(*(xy - [0.2, -0.1]).T) <= 0.5)


def test_points_that_are_no_numbers_are_not_painted():
    assert near(np.array([[np.nan, 0], [0, 0]]), [[0, 0]], 1.0).tolist() == [False, True]


@pytest.mark.parametrize(("path", "radius"), [(np.empty((0, 2)), 1.0), ([[0, 0]], 0.0)])
def test_no_stroke_and_no_brush_paint_nothing(path, radius):
    assert not near(np.zeros((3, 2)), path, radius).any()
