"""Coordinates of any origin as a model: its residues, its chains, and the gaps in them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.amino_acids import UNKNOWN, letter_of
from napari_cryoai.core.atomic_model import AtomicModel, Polymer, Residues, Unmodelled
from napari_cryoai.core.secondary import secondary_structure
from napari_cryoai.core.structure import Structure

Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]
MISSING = "not in the file"


def model_of(structure: Structure) -> AtomicModel:
    """A model of the amino acids of a structure; its other atoms stay, but have no residue.

    Secondary structure is taken from the places of CA. Nothing says how sure it is: confidence,
    margin and Q-score are NaN. Sequences are those of the atoms, with X in the gaps.
    """
    residue = structure.residue_index()
    at_ca = is_ca(structure)
    rows = np.flatnonzero(at_ca)
    # One CA for each residue, if the file repeats them.
    rows = rows[np.unique(residue[rows], return_index=True)[1]]
    n, unknown = len(rows), np.full(len(rows), np.nan)
    names = structure.chains[rows]
    ca_A = structure.xyz_A[rows]
    chains = rows_of_chains(names)
    residues = Residues(
        chains=names,
        numbers=np.array([_number(text) for text in structure.residue_numbers[rows]], np.intp),
        letters=np.array([letter_of(str(name)) for name in structure.residue_names[rows]], "<U1"),
        ca_A=ca_A,
        confidence=unknown,
        runner_up=np.zeros(n, np.intp),
        margin=unknown.copy(),
        secondary=secondary_structure(ca_A, chains),
        q=unknown.copy(),
    )
    polymers = tuple(_polymer(residues, chain) for chain in chains)
    gaps = tuple(gap for chain in chains for gap in _gaps(residues, chain))
    return AtomicModel(structure, residues, polymers, gaps)


def is_ca(structure: Structure) -> Mask:
    """`(n,)` mask of CA of amino acids: calcium is called CA too."""
    return (structure.atom_names == "CA") & (structure.elements == "C")


def residue_of_atoms(structure: Structure) -> Rows:
    """`(n,)` row in the model's residues of each atom; -1 for atoms that are of no amino acid."""
    residue = structure.residue_index()
    with_ca = np.unique(residue[is_ca(structure)])
    row = np.full(int(residue[-1]) + 1 if len(residue) else 0, -1, np.intp)
    row[with_ca] = np.arange(len(with_ca))
    return row[residue]


def b_factors_of(model: AtomicModel) -> NDArray[np.float64]:
    """`(n,)` mean B-factor of the atoms of each residue, in A^2."""
    row = residue_of_atoms(model.structure)
    inside = row >= 0
    n = len(model.residues)
    count = np.bincount(row[inside], minlength=n)
    total = np.bincount(row[inside], weights=model.structure.b_factors_A2[inside], minlength=n)
    return total / np.maximum(count, 1)


def rows_of_chains(names: NDArray[np.str_]) -> list[Rows]:
    """The rows of each chain, in the order of their first ones."""
    return [np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())]


def _polymer(residues: Residues, rows: Rows) -> Polymer:
    """The letters of a chain at their numbers, X between them; from 1, like all sequences."""
    numbers = residues.numbers[rows]
    letters = np.full(max(int(numbers.max()), 0), UNKNOWN)
    placed = numbers > 0
    letters[numbers[placed] - 1] = residues.letters[rows[placed]]
    return Polymer(str(residues.chains[rows[0]]), "".join(letters))


def _gaps(residues: Residues, rows: Rows) -> Sequence[Unmodelled]:
    """What the numbers of a chain leave out, before its first residue too."""
    numbers = np.unique(np.concatenate([[0], residues.numbers[rows]]))
    numbers = numbers[numbers >= 0]
    chain = str(residues.chains[rows[0]])
    after = np.flatnonzero(np.diff(numbers) > 1)
    return [Unmodelled(chain, int(numbers[i]) + 1, int(numbers[i + 1]) - 1, MISSING) for i in after]


def _number(text: str) -> int:
    """The number of a residue without its insertion code."""
    digits = str(text).rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz ")
    return int(digits) if digits.lstrip("-").isdigit() else 0
