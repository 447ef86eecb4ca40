"""Box corners and the eight orientations of an image."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_cryoai.core.geometry import Orientation, centre_from_corner, corner_from_centre

SHAPE = (5, 8)
IMAGE = np.arange(40).reshape(SHAPE)
ORIENTATIONS = Orientation.all()


def points_of(shape: tuple[int, int]) -> np.ndarray:
    return np.argwhere(np.ones(shape, bool)).astype(float)


def foreign(orientation: Orientation) -> np.ndarray:
    """The image laid out so that `orientation` takes it to `IMAGE`."""
    image = IMAGE.T if orientation.transpose else IMAGE
    image = image[::-1] if orientation.flip_y else image
    return image[:, ::-1] if orientation.flip_x else image


def image_of(orientation: Orientation) -> tuple:
    return tuple(map(tuple, orientation.apply(points_of((4, 4)), (4, 4)).astype(int)))


def test_there_are_eight_orientations_all_different_and_the_first_changes_nothing():
    assert len({image_of(o) for o in ORIENTATIONS}) == 8
    assert np.array_equal(ORIENTATIONS[0].apply(points_of(SHAPE), SHAPE), points_of(SHAPE))
    assert str(ORIENTATIONS[0]) == "as read"


def test_on_a_square_image_they_form_a_group():
    known = {image_of(o): o for o in ORIENTATIONS}
    for first, second in product(ORIENTATIONS, ORIENTATIONS):
        both = second.apply(first.apply(points_of((4, 4)), (4, 4)), (4, 4))
        assert tuple(map(tuple, both.astype(int))) in known
    for orientation in ORIENTATIONS:
        undone = [
            inverse
            for inverse in ORIENTATIONS
            if np.array_equal(
                inverse.apply(orientation.apply(points_of((4, 4)), (4, 4)), (4, 4)),
                points_of((4, 4)),
            )
        ]
        assert len(undone) == 1


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
def test_a_pixel_is_found_again_where_its_coordinates_go(orientation):
    image = foreign(orientation)
    yx = points_of(image.shape)
    moved = orientation.apply(yx, SHAPE).astype(int)
    assert np.array_equal(IMAGE[moved[:, 0], moved[:, 1]], image.ravel())


@given(
    centre=st.tuples(*[st.integers(-(2**20), 2**20).map(lambda v: v / 4)] * 2),
    box=st.integers(1, 4096),
)
def test_boxes_odd_ones_too_do_not_drift_when_written_and_read_many_times(centre, box):
    yx = start = np.array([centre])
    for _ in range(10):
        yx = centre_from_corner(corner_from_centre(yx, box), box)
    assert np.array_equal(yx, start)


def test_an_odd_box_has_its_corner_half_a_pixel_off_the_grid():
    assert corner_from_centre(np.array([[10.0, 20.0]]), 5).tolist() == [[7.5, 17.5]]
    per_box = corner_from_centre(np.array([[10.0, 20.0]] * 2), np.array([[4.0], [5.0]]))
    assert per_box.tolist() == [[8.0, 18.0], [7.5, 17.5]]


def test_no_points_stay_no_points():
    for orientation in ORIENTATIONS:
        assert orientation.apply(np.empty((0, 2)), SHAPE).shape == (0, 2)
