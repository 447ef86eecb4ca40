"""What particles look like."""

import numpy as np
import pytest
import torch

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure
from napari_cryoai.physics.potential import map_of
from napari_cryoai.physics.simulators.conformers import Conformers


def dumbbell(width_A):
    return Structure.of_atoms([[-width_A / 2, 0, 0], [width_A / 2, 0, 0]], "C", 40.0)


def test_the_first_structure_is_centred_and_the_others_stay_relative_to_it():
    first = dumbbell(20.0)
    far = first.moved_to(first.xyz_A + 100)
    also = first.moved_to(first.xyz_A + np.array([100, 100, 106]))
    found = Conformers.of_structures([far, also], 32, 2.0)
    assert torch.allclose(found.map(0), map_of(first, 32, 2.0), atol=1e-4)
    assert torch.allclose(found.map(1), torch.roll(found.map(0), 3, 0), atol=1e-2)
    assert found.states.tolist() == [0, 1]
    assert found.coordinates.tolist() == [[1, 0], [0, 1]]


def test_along_a_path_atoms_move_on_straight_lines():
    path = Conformers.along_path(dumbbell(12.0), dumbbell(24.0), 3, 32, 2.0)
    assert path.states.tolist() == [0, 0.5, 1]
    assert path.coordinates.tolist() == [[0], [0.5], [1]]
    assert torch.allclose(path.map(1), map_of(dumbbell(18.0), 32, 2.0), atol=1e-4)


def test_a_structure_that_does_not_fit_is_refused():
    with pytest.raises(CryoAIError, match="70 A wide and the box 64 A"):
        Conformers.of_structures([dumbbell(67.0)], 32, 2.0)


def test_a_path_between_strangers_is_refused():
    other = Structure(**{**vars(dumbbell(5.0)), "chains": np.array(["X", "X"])})
    with pytest.raises(CryoAIError, match="no atoms in common"):
        Conformers.along_path(dumbbell(5.0), other, 4, 32, 2.0)


def test_a_map_is_as_wide_as_what_stands_out_of_it():
    z, y, x = torch.meshgrid(*[torch.arange(32) - 16.0] * 3, indexing="ij")
    ball = ((z**2 + y**2 + x**2) < 64).float()
    assert Conformers.of_maps([ball], 2.0).diameter_A == pytest.approx(32, abs=4)
