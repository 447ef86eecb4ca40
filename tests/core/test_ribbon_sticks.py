"""Sticks join the atoms that are bonded, and those alone."""

from __future__ import annotations

import numpy as np

from napari_cryoai.core.sticks import bonds, sticks

ALANINE = np.array(
    [[-0.52, 1.36, 0.0], [0.0, 0.0, 0.0], [1.53, 0.0, 0.0], [2.15, 1.06, 0.0], [-0.51, -0.77, 1.21]]
)
ELEMENTS = np.array(["N", "C", "C", "O", "C"])


def test_an_alanine_has_four_bonds():
    found = {tuple(sorted(pair)) for pair in bonds(ALANINE, ELEMENTS).tolist()}
    assert found == {(0, 1), (1, 2), (2, 3), (1, 4)}


def test_sulphur_reaches_farther_than_carbon():
    pair = np.array([[0.0, 0, 0], [2.05, 0, 0]])
    assert len(bonds(pair, np.array(["S", "S"]))) == 1
    assert len(bonds(pair, np.array(["C", "C"]))) == 0


def test_every_atom_is_drawn_and_half_of_each_bond_is_its_own():
    mesh = sticks(ALANINE, ELEMENTS)
    assert set(mesh.atom.tolist()) == set(range(5))
    away = np.linalg.norm(mesh.vertices[:, ::-1] - ALANINE[mesh.atom], axis=1)
    assert away.max() < 1.53 / 2 + 0.25


def test_an_ion_on_its_own_is_a_larger_ball():
    mesh = sticks(np.zeros((1, 3)), np.array(["ZN"]))
    assert np.linalg.norm(mesh.vertices, axis=1).max() > 0.5


def test_nothing_is_drawn_of_nothing():
    mesh = sticks(np.empty((0, 3)), np.empty(0, np.str_))
    assert mesh.vertices.shape == (0, 3)
    assert mesh.faces.shape == (0, 3)
