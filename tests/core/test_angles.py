"""Angles and torsions of points."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.angles import angle, dihedral

TRANS = np.array([[0.0, 1, 0], [0, 0, 0], [1, 0, 0], [1, -1, 0]])


def turned_deg(degrees):
    """Four points in trans whose last bond is turned about the axis, clockwise seen along it."""
    points = TRANS.copy()
    t = np.radians(degrees)
    points[3] = [1, -np.cos(t), -np.sin(t)]
    return points


def test_trans_is_half_a_turn_and_cis_is_none():
    assert abs(np.degrees(dihedral(*turned_deg(0)))) == pytest.approx(180)
    assert np.degrees(dihedral(*turned_deg(180))) == pytest.approx(0, abs=1e-9)


def test_the_mirror_image_has_the_opposite_torsion():
    points = turned_deg(140)
    assert dihedral(*points) == pytest.approx(-dihedral(*(points * [1, 1, -1])))


def test_a_torsion_is_positive_if_the_far_bond_is_turned_clockwise():
    """The convention of IUPAC-IUB (1970): looking along the axis, front bond onto the back one."""
    front, axis = np.array([0.0, 1, 0]), np.array([1.0, 0, 0])
    # Seen from the front, along +x, clockwise leads from +y towards +z.
    back = np.array([1.0, np.cos(1.0), np.sin(1.0)])
    assert dihedral(front, np.zeros(3), axis, back) == pytest.approx(1.0)


def test_an_atom_that_is_missing_leaves_its_angles_undefined():
    missing = np.full(3, np.nan)
    assert np.isnan(angle(missing, TRANS[1], TRANS[2]))
    assert np.isnan(dihedral(missing, *TRANS[1:]))


def test_the_angle_of_a_tetrahedron():
    corners = np.array([[1.0, 1, 1], [1, -1, -1]])
    assert np.degrees(angle(corners[0], np.zeros(3), corners[1])) == pytest.approx(109.4712)
