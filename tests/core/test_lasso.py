"""The lasso against testing every point with every edge."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_cryoai.core.lasso import inside


def by_definition(xy: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """A ray towards +x crosses the line an odd number of times."""
    x, y = np.asarray(xy, float).T
    odd = np.zeros(len(x), bool)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        if ay != by:
            crosses = (ay > y) != (by > y)
            odd ^= crosses & (x < ax + (y - ay) * ((bx - ax) / (by - ay)))
    return odd


# Whole numbers: points on edges, on corners and at their heights, and edges on one another.
LATTICE = st.integers(0, 8).map(float)
ANYWHERE = st.floats(-1e3, 1e3, width=32)


@given(
    arrays(float, st.tuples(st.integers(3, 12), st.just(2)), elements=LATTICE),
    arrays(np.float32, st.tuples(st.integers(1, 60), st.just(2)), elements=LATTICE),
)
def test_it_is_the_even_odd_rule_where_points_lie_on_the_line(polygon, xy):
    assert np.array_equal(inside(xy, polygon), by_definition(xy, polygon))


@given(
    arrays(float, st.tuples(st.integers(3, 40), st.just(2)), elements=ANYWHERE),
    arrays(np.float32, st.tuples(st.integers(1, 60), st.just(2)), elements=ANYWHERE),
)
@settings(max_examples=200)
def test_it_is_the_even_odd_rule_for_lines_that_cross_themselves(polygon, xy):
    assert np.array_equal(inside(xy, polygon), by_definition(xy, polygon))


def test_a_corner_that_rounding_moves_is_decided_by_the_rule_too():
    polygon = np.array([[-199.75, 1.53125], [0.0, 0.0], [0.0, 0.0]])
    xy = np.zeros((1, 2), np.float32)
    assert np.array_equal(inside(xy, polygon), by_definition(xy, polygon))


@pytest.mark.parametrize("corners", [3, 4, 20, 100, 500])
@pytest.mark.parametrize("seed", range(3))
def test_no_point_of_many_is_decided_wrongly(corners, seed):
    random = np.random.default_rng(seed)
    xy = random.normal(size=(50_000, 2)).astype(np.float32)
    polygon = random.normal(size=(corners, 2))
    assert np.array_equal(inside(xy, polygon), by_definition(xy, polygon))


def drawn(corners: int) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    r = 1 + 0.2 * np.sin(3 * t) + 0.1 * np.sin(11 * t)
    return np.stack([r * np.cos(t), r * np.sin(t)], 1)


def test_points_at_the_corners_of_a_drawn_line_are_decided_by_the_rule_too():
    polygon = drawn(300).astype(np.float32).astype(float)
    near = np.concatenate([polygon, (polygon + np.roll(polygon, 1, 0)) / 2]).astype(np.float32)
    nudged = np.nextafter(near, np.float32(9))
    for xy in (near, nudged):
        assert np.array_equal(inside(xy, polygon), by_definition(xy, polygon))


def test_what_the_line_goes_round_twice_is_outside():
    twice = np.concatenate([drawn(100), 0.5 * drawn(100)])
    assert not inside(np.zeros((1, 2), np.float32), twice)[0]
    assert inside(np.array([[0.75, 0]], np.float32), twice)[0]


def test_the_area_inside_is_that_of_the_line():
    polygon = drawn(400)
    x, y = polygon.T
    area = 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    xy = np.random.default_rng(0).uniform(-2, 2, (400_000, 2)).astype(np.float32)
    assert inside(xy, polygon).mean() * 16 == pytest.approx(area, rel=0.01)


@pytest.mark.parametrize(
    "polygon",
    [
        np.empty((0, 2)),
        np.array([[0.0, 0], [1, 1]]),
        np.array([[0.0, 0], [1, 0], [2, 0]]),
        np.array([[0.0, 0], [0, 1], [0, 2]]),
        np.array([[0.0, 0], [1, np.nan], [2, 0]]),
        np.array([[0.0, 0], [1, np.inf], [2, 0]]),
    ],
)
def test_a_line_that_holds_nothing_selects_nothing(polygon):
    assert not inside(np.random.default_rng(0).normal(size=(100, 2)), polygon).any()


def test_points_that_are_no_numbers_are_outside():
    xy = np.array([[np.nan, 0], [0, np.nan], [np.inf, 0], [0, 0]], np.float32)
    assert inside(xy, drawn(50)).tolist() == [False, False, False, True]


def test_a_tiny_line_far_from_the_origin_is_exact():
    polygon = drawn(60) * 1e-3 + 1e4
    xy = (np.random.default_rng(0).uniform(-2e-3, 2e-3, (5000, 2)) + 1e4).astype(np.float64)
    assert np.array_equal(inside(xy, polygon), by_definition(xy, polygon))
