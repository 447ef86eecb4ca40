"""Any coordinates become a model whose residues are its amino acids."""

from __future__ import annotations

import numpy as np

from napari_cryoai.core.model_of import MISSING, model_of, residue_of_atoms
from napari_cryoai.core.structure import Structure


def structure() -> Structure:
    """GLY 3, ALA 4 and, after a gap, SER 7A of chain A; a calcium; a GLY of chain B."""
    rows = [
        ("A", "3", "GLY", "N", "N"),
        ("A", "3", "GLY", "CA", "C"),
        ("A", "4", "ALA", "CA", "C"),
        ("A", "4", "ALA", "CB", "C"),
        ("A", "7A", "SER", "CA", "C"),
        ("A", "101", "CA", "CA", "CA"),
        ("B", "1", "GLY", "CA", "C"),
    ]
    chains, numbers, names, atoms, elements = (np.array(c) for c in zip(*rows, strict=True))
    n = len(rows)
    xyz = np.arange(3.0 * n).reshape(n, 3)
    return Structure(xyz, elements, np.full(n, 20.0), np.ones(n), chains, numbers, names, atoms)


def test_its_residues_are_the_amino_acids():
    residues = model_of(structure()).residues
    assert "".join(residues.letters) == "GASG"
    assert residues.chains.tolist() == ["A", "A", "A", "B"]
    assert residues.numbers.tolist() == [3, 4, 7, 1]
    assert np.isnan(residues.confidence).all()


def test_each_atom_knows_its_residue_and_calcium_has_none():
    assert residue_of_atoms(structure()).tolist() == [0, 0, 1, 1, 2, -1, 3]


def test_gaps_in_the_numbers_are_listed():
    model = model_of(structure())
    assert [(p.name, p.sequence) for p in model.polymers] == [("A", "XXGAXXS"), ("B", "G")]
    assert [(u.chain, u.first, u.last) for u in model.unmodelled] == [("A", 1, 2), ("A", 5, 6)]
    assert {u.reason for u in model.unmodelled} == {MISSING}


def test_a_structure_without_protein_has_no_residues():
    model = model_of(Structure.of_atoms(np.zeros((3, 3))))
    assert len(model.residues) == 0
    assert model.polymers == ()
    assert residue_of_atoms(model.structure).tolist() == [-1, -1, -1]
