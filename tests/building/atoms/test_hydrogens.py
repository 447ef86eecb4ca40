"""Hydrogens and bonds as a chemist would draw them."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from napari_cryoai.building.atoms.hydrogens import Molecule, with_hydrogens
from napari_cryoai.core.structure import Structure

pytest.importorskip("openmm")


def hydrogens_of(molecule: Molecule, name: str) -> list[int]:
    """How many hydrogens the atoms of that name have, residue by residue."""
    count: Counter[int] = Counter()
    for one, other in molecule.topology.bonds():
        for atom, partner in ((one, other), (other, one)):
            count[atom.index] += partner.element.symbol == "H"
    return [count[atom.index] for atom in molecule.topology.atoms() if atom.name == name]


@pytest.fixture(scope="module")
def molecule(peptide) -> Molecule:
    return with_hydrogens(peptide)


def test_heavy_atoms_stay_in_their_order_and_place(molecule, peptide):
    assert np.allclose(molecule.xyz_A[molecule.heavy], peptide.xyz_A)
    names = np.array([atom.name for atom in molecule.topology.atoms()])[molecule.heavy]
    assert names.tolist() == peptide.atom_names.tolist()


def test_each_nitrogen_of_the_main_chain_has_one_hydrogen_and_that_of_proline_none(
    molecule, peptide
):
    is_proline = peptide.residue_names[peptide.atom_names == "N"] == "PRO"
    assert hydrogens_of(molecule, "N") == np.where(is_proline, 0, 1).tolist()


def test_the_hydrogen_of_each_alpha_carbon_lies_away_from_its_three_other_neighbours(molecule):
    atoms, xyz_A = list(molecule.topology.atoms()), molecule.xyz_A
    spokes: dict[int, list[np.ndarray]] = {}
    found: dict[int, np.ndarray] = {}
    for bond in molecule.topology.bonds():
        for centre, other in (bond, bond[::-1]):
            if centre.name == "CA" and centre.residue.name != "GLY":
                away = xyz_A[other.index] - xyz_A[centre.index]
                if other.element.symbol == "H":
                    found[centre.index] = away
                else:
                    spokes.setdefault(centre.index, []).append(away)
    assert len(found) == sum(a.name == "CA" and a.residue.name != "GLY" for a in atoms)
    for centre, away in found.items():
        assert len(spokes[centre]) == 3
        assert np.linalg.norm(away) == pytest.approx(1.09)
        assert all(away @ spoke < 0 for spoke in spokes[centre])


def test_a_chain_is_not_bound_over_a_gap_in_its_numbers(peptide):
    def peptide_bonds(structure: Structure) -> int:
        bonds = with_hydrogens(structure).topology.bonds()
        return sum({one.name, other.name} == {"C", "N"} for one, other in bonds)

    number = peptide.residue_numbers.astype(int)
    whole = len(np.unique(number))
    assert peptide_bonds(peptide) == whole - 1
    gap = replace(peptide, residue_numbers=(number + 3 * (number > 10)).astype(np.str_))
    assert peptide_bonds(gap) == whole - 2


def test_sulphurs_that_are_near_each_other_are_bound(peptide):
    number = peptide.residue_numbers.astype(int)
    atoms = peptide.select(peptide.residue_names == "CYS")
    assert hydrogens_of(with_hydrogens(atoms), "SG") == [1]
    # Its mirror image through a point 1 A off SG has the hand of nobody, but SG 2 A away.
    sulphur = atoms.xyz_A[atoms.atom_names == "SG"][0]
    away = sulphur - atoms.xyz_A[atoms.atom_names == "CB"][0]
    turned = 2 * (sulphur + away / np.linalg.norm(away)) - atoms.xyz_A
    other = replace(atoms, xyz_A=turned, residue_numbers=np.full(len(atoms), str(number.max() + 5)))
    both = Structure(
        **{
            name: np.concatenate([getattr(atoms, name), getattr(other, name)])
            for name in atoms.__dataclass_fields__
        }
    )
    assert hydrogens_of(with_hydrogens(both), "SG") == [0, 0]


def test_the_random_numbers_of_others_are_left_alone(peptide):
    random.seed(5)
    expected = random.random()
    random.seed(5)
    with_hydrogens(peptide)
    assert random.random() == expected
