"""Atoms in space."""

import numpy as np
import pytest

from napari_cryoai.core.structure import Structure, matched


def two_residues():
    xyz = np.arange(12.0).reshape(4, 3)
    plain = Structure.of_atoms(xyz, ["N", "C", "N", "C"], 20.0)
    return Structure(
        **{
            **vars(plain),
            "residue_numbers": np.array(["1", "1", "2", "2"]),
            "atom_names": np.array(["N", "CA", "N", "CA"]),
        }
    )


def test_atoms_of_one_residue_share_its_index():
    assert two_residues().residue_index().tolist() == [0, 0, 1, 1]
    assert Structure.of_atoms(np.zeros((3, 3))).residue_index().tolist() == [0, 1, 2]
    assert Structure.of_atoms(np.empty((0, 3))).residue_index().tolist() == []


def test_centred_atoms_reach_as_far_to_both_sides():
    centred = two_residues().centred()
    assert np.allclose(centred.xyz_A.min(0), -centred.xyz_A.max(0))
    assert centred.diameter_A == pytest.approx(2 * np.linalg.norm([4.5, 4.5, 4.5]) + 3)


def test_conformers_are_matched_by_name_and_not_by_order():
    first = two_residues()
    second = first.moved_to(first.xyz_A + 1).select(np.array([3, 0, 2]))
    a, b = matched(first, second)
    assert len(a) == len(b) == 3
    assert np.allclose(b.xyz_A, a.xyz_A + 1)
    assert a.atom_names.tolist() == b.atom_names.tolist() == ["N", "N", "CA"]


def test_structures_without_a_common_atom_match_in_none():
    other = Structure.of_atoms(np.zeros((2, 3)), "ZN")
    assert len(matched(two_residues(), other)[0]) == 0
