"""Counting points in cells, against numpy's own histogram and against loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.raster import (
    NONE,
    Cells,
    density,
    extent,
    majority_in_cells,
    mean_in_cells,
)

VIEW = ((-2.0, 3.0), (-1.0, 2.0))
SHAPE = (7, 11)


def cloud(n: int = 5000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 2)).astype(np.float32)


def test_it_is_the_histogram_in_two_dimensions():
    xy = cloud()
    (x_range, y_range), (h, w) = VIEW, SHAPE
    wanted = np.histogram2d(xy[:, 1], xy[:, 0], bins=(h, w), range=(y_range, x_range))[0]
    assert np.array_equal(density(xy, *VIEW, SHAPE), wanted)


def test_the_first_row_is_the_lower_end_of_y():
    picture = density(np.array([[0.5, 0.1]], np.float32), (0, 1), (0, 1), (4, 2))
    assert picture.tolist() == [[0, 1], [0, 0], [0, 0], [0, 0]]


@given(st.sampled_from([0.1, 0.3, 1e-7, 1234.567, -0.7]), st.integers(1, 900))
def test_points_at_both_ends_of_a_range_are_in_the_view(low, cells):
    low = np.float32(low)
    high = np.float32(low + np.float32(0.7))
    xy = np.array([[low, low], [high, high]], np.float32)
    ends = (float(low), float(high))
    picture = density(xy, ends, ends, (cells, cells))
    assert picture.sum() == 2
    assert picture[0, 0] >= 1 and picture[-1, -1] >= 1


def test_every_point_of_a_view_of_all_is_counted():
    xy = cloud(100_000)
    assert density(xy, extent(xy[:, 0]), extent(xy[:, 1]), (300, 400)).sum() == len(xy)


def test_points_outside_and_points_that_are_no_numbers_count_nowhere():
    xy = np.array([[0.5, 0.5], [9, 0.5], [0.5, -9], [np.nan, 0.5], [0.5, np.inf]], np.float32)
    assert density(xy, (0, 1), (0, 1), (3, 3)).sum() == 1


def test_only_points_that_are_shown_count():
    xy, shown = cloud(), np.random.default_rng(1).random(5000) < 0.3
    assert np.array_equal(density(xy, *VIEW, SHAPE, shown=shown), density(xy[shown], *VIEW, SHAPE))


def test_the_mean_of_a_column_is_that_of_the_points_of_each_cell():
    xy, values = cloud(300), np.random.default_rng(1).normal(size=300).astype(np.float32)
    values[::7] = np.nan
    shown = np.arange(300) % 3 > 0
    picture = mean_in_cells(xy, values, *VIEW, SHAPE, shown=shown)
    cells = Cells(xy, *VIEW, SHAPE)
    own = cells.index.reshape(-1)
    for row in range(SHAPE[0]):
        for column in range(SHAPE[1]):
            here = (own == (row + 1) * (SHAPE[1] + 2) + column + 1) & shown & ~np.isnan(values)
            wanted = values[here].mean() if here.any() else np.nan
            assert picture[row, column] == pytest.approx(wanted, rel=1e-5, nan_ok=True)


def test_the_commonest_label_of_a_cell_wins():
    xy = np.array([[0.1, 0.1]] * 3 + [[0.9, 0.1]] * 2 + [[0.1, 0.9]], np.float32)
    labels = np.array([4, 4, 0, 2, 1, -1])
    picture = majority_in_cells(xy, labels, (0, 1), (0, 1), (2, 2))
    assert picture.tolist() == [[4, 1], [NONE, NONE]]


def test_the_label_picture_agrees_with_counting_each_label():
    xy, labels = cloud(), np.random.default_rng(2).integers(0, 6, 5000)
    counts = np.stack([density(xy, *VIEW, SHAPE, shown=labels == k) for k in range(6)])
    wanted = np.where(counts.any(0), counts.argmax(0), NONE)
    assert np.array_equal(majority_in_cells(xy, labels, *VIEW, SHAPE), wanted)


def test_a_view_of_no_extent_is_refused():
    with pytest.raises(ValueError, match="reaches"):
        Cells(cloud(3), (1.0, 1.0), (0.0, 1.0), (2, 2))


@pytest.mark.parametrize("values", [[], [np.nan], [3.0, 3.0], [0.0], [-1, 5, np.inf]])
def test_an_extent_is_always_a_view(values):
    low, high = extent(np.array(values, np.float32))
    assert np.isfinite([low, high]).all() and low < high
    finite = [v for v in values if np.isfinite(v)]
    assert all(low <= v <= high for v in finite)
