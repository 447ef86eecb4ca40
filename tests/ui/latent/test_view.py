"""The part of a plane that a plot shows."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.ui.latent.marks import numbers
from napari_cryoai.ui.latent.view import View, ticks, whole

VIEW = View((-2.0, 6.0), (10.0, 30.0), 400.0, 200.0)


def test_pixels_and_points_are_inverse_and_y_goes_up() -> None:
    points = np.array([[-2.0, 30.0], [6.0, 10.0], [2.0, 20.0]])
    np.testing.assert_allclose(VIEW.to_pixels(points), [[0, 0], [400, 200], [200, 100]])
    np.testing.assert_allclose(VIEW.to_points(VIEW.to_pixels(points)), points)


def test_zoom_leaves_what_lies_under_the_mouse() -> None:
    closer = VIEW.zoomed(2.0, (100.0, 50.0))
    before, after = VIEW.to_points([[100, 50]]), closer.to_points([[100, 50]])
    np.testing.assert_allclose(after, before)
    assert closer.x[1] - closer.x[0] == pytest.approx(4.0)


def test_zoom_ends_where_float32_cannot_tell_points_apart() -> None:
    view = VIEW
    for _ in range(200):
        view = view.zoomed(1.5, (10.0, 10.0))
    assert np.float32(view.x[0]) < np.float32(view.x[1])


def test_what_is_dragged_goes_along_with_the_mouse() -> None:
    point = np.array([[1.0, 15.0]])
    moved = VIEW.moved(30.0, -20.0)
    np.testing.assert_allclose(moved.to_pixels(point), VIEW.to_pixels(point) + np.array([30, -20]))


@pytest.mark.parametrize("ends", [(-1.3, 7.9), (0.0001, 0.0007), (-5e6, 3e6), (99.0, 101.0)])
def test_ticks_are_round_numbers_between_the_ends_that_do_not_crowd(
    ends: tuple[float, float],
) -> None:
    found = ticks(ends, 300.0, 60.0)
    steps = np.diff(found)
    assert 2 <= len(found) <= 6
    assert all(ends[0] <= value <= ends[1] for value in found)
    mantissa = steps[0] / 10 ** np.floor(np.log10(steps[0]) + 1e-9)
    assert round(mantissa, 6) in (1, 2, 5)
    assert len(set(numbers(found))) == len(found)


def test_numbers_keep_their_sign_and_a_zero_has_none() -> None:
    assert numbers([-0.05, -0.0, 0.05]) == ["-0.05", "0.00", "0.05"]
    assert numbers([-1000.0, 0.0, 1000.0]) == ["-1,000", "0", "1,000"]


def test_a_few_strays_do_not_squeeze_all_others() -> None:
    xy = np.random.default_rng(0).normal(size=(10_000, 2)).astype(np.float32)
    xy[0] = 1e4
    assert whole(xy).x[1] < 10
    assert whole(xy[1:]).x[1] > xy[1:, 0].max()


def test_particles_in_one_place_still_have_a_view() -> None:
    view = whole(np.ones((5, 2), np.float32))
    assert view.x[0] < 1 < view.x[1]
