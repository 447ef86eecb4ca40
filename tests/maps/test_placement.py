"""Which atoms lie in a map, and what they are part of."""

from __future__ import annotations

import numpy as np
import pytest

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.maps.placement import inside_map, residue_parts

BOX = DensityMap(np.zeros((5, 6, 7), np.float32), 2.0, (-10.0, 0.0, 30.0))  # z, y, x


def named(*atoms: tuple[str, str]) -> Structure:
    """Atoms by residue and name."""
    residues, names = (np.array(column, np.str_) for column in zip(*atoms, strict=True))
    n = len(atoms)
    empty = np.full(n, "A", np.str_)
    return Structure(
        np.zeros((n, 3)), empty, np.zeros(n), np.ones(n), empty, empty, residues, names
    )


def test_the_box_reaches_from_the_first_voxel_to_the_last():
    corners = [[30, 0, -10], [42, 10, -2]]  # x, y, z
    assert inside_map(Structure.of_atoms(corners), BOX).all()
    for axis in range(3):
        beyond = np.array(corners, float)
        beyond[0, axis] -= 0.01
        beyond[1, axis] += 0.01
        middle = [[36, 5, -6]]
        found = inside_map(Structure.of_atoms(np.vstack([beyond, middle])), BOX)
        assert found.tolist() == [False, False, True]


def test_z_y_x_are_not_taken_for_x_y_z():
    with pytest.raises(CryoAIError, match="at 30 to 42 x 0 to 10 x -10 to -2 A"):
        inside_map(Structure.of_atoms([[-10, 0, 30]]), BOX)


def test_nothing_is_in_no_model():
    with pytest.raises(CryoAIError, match="no atoms"):
        inside_map(Structure.of_atoms(np.empty((0, 3))), BOX)


def test_backbones_are_those_of_proteins_and_nucleic_acids():
    atoms = named(
        *(("GLY", "CA"), ("LYS", "NZ"), ("MSE", "SE"), ("UNK", "O")),
        *(("DA", "P"), ("G", "N9"), ("U", "O2'"), ("DC", "C1*")),
        *(("HOH", "O"), ("NAG", "C1"), ("CA", "CA")),
    )
    assert residue_parts(atoms).tolist() == [
        *("backbone", "side chain", "side chain", "backbone"),
        *("backbone", "side chain", "backbone", "backbone"),
        *("", "", ""),
    ]
