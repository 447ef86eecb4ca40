"""RELION's Euler angles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from napari_cryoai.core.euler import matrices_from_vectors, matrices_from_zyz, zyz_from_matrices

degrees = st.floats(-360, 360, allow_nan=False)


@given(degrees, degrees, degrees)
def test_the_matrix_is_the_inverse_of_the_intrinsic_zyz_rotation(rot, tilt, psi):
    expected = Rotation.from_euler("ZYZ", [rot, tilt, psi], degrees=True).inv().as_matrix()
    np.testing.assert_allclose(matrices_from_zyz(rot, tilt, psi), expected, atol=1e-12)


@given(degrees, degrees, degrees)
def test_angles_of_a_matrix_give_the_matrix_again(rot, tilt, psi):
    matrix = matrices_from_zyz(rot, tilt, psi)
    angles = zyz_from_matrices(matrix)
    assert 0 <= angles[1] <= 180
    np.testing.assert_allclose(matrices_from_zyz(*angles), matrix, atol=1e-12)


@pytest.mark.parametrize("tilt", [0.0, 1e-14, 1e-9, 1e-5, 180.0, 180 - 1e-9])
def test_looking_along_z_loses_no_in_plane_angle(tilt):
    matrix = matrices_from_zyz(33.0, tilt, 21.0)
    np.testing.assert_allclose(
        matrices_from_zyz(*zyz_from_matrices(matrix)), matrix, rtol=0, atol=1e-12
    )


def test_psi_turns_the_picture_and_tilt_tips_z():
    # A point on x of the map, seen after an in-plane turn of 90 degrees, lies on -y of the view.
    np.testing.assert_allclose(matrices_from_zyz(0, 0, 90) @ [1, 0, 0], [0, -1, 0], atol=1e-15)
    np.testing.assert_allclose(matrices_from_zyz(0, 90, 0) @ [0, 0, 1], [-1, 0, 0], atol=1e-15)


def test_many_at_once_are_the_same_as_one_by_one():
    angles = np.random.default_rng(0).uniform(-180, 180, (3, 4, 5))
    many = matrices_from_zyz(*angles)
    assert many.shape == (4, 5, 3, 3)
    np.testing.assert_allclose(many[2, 3], matrices_from_zyz(*angles[:, 2, 3]))
    np.testing.assert_allclose(matrices_from_zyz(*zyz_from_matrices(many)), many, atol=1e-12)


@given(st.tuples(*[st.floats(-7, 7)] * 3))
def test_rotation_vectors_are_axis_times_angle(vector):
    expected = Rotation.from_rotvec(vector).as_matrix()
    np.testing.assert_allclose(matrices_from_vectors(vector), expected, atol=1e-12)
