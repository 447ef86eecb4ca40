"""The residues of a protein as the networks need them: backbone atoms, letters, neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.amino_acids import LETTERS, letter_of
from napari_cryoai.core.structure import Structure

Floats = NDArray[np.float64]

BACKBONE = ("N", "CA", "C", "O")

LONGEST_BOND_A = 2.0
"""Between C and the next N: beyond it the chain is broken."""


@dataclass(frozen=True, eq=False)
class Peptides:
    """Residues with a whole backbone, one row each, in the order of the file.

    Attributes
    ----------
    backbone_A
        `(n, 4, 3)` positions (x, y, z) of N, CA, C and O.
    letters
        `(n,)` number of the amino acid in `LETTERS`; -1 for others.
    chain
        `(n,)` number of the unbroken stretch of chain.
    """

    backbone_A: Floats
    letters: NDArray[np.intp]
    chain: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.letters)


def peptides_of(structure: Structure) -> Peptides:
    """The amino acids of a structure; those that miss an atom of the backbone are left out."""
    number = structure.residue_index()
    rows = np.full((int(number[-1]) + 1 if len(number) else 0, len(BACKBONE)), -1, np.intp)
    for column, name in enumerate(BACKBONE):
        mine = np.flatnonzero(structure.atom_names == name)
        rows[number[mine], column] = mine
    rows = rows[(rows >= 0).all(1)]
    xyz = structure.xyz_A[rows]
    names = structure.residue_names[rows[:, 0]] if len(rows) else np.empty(0, np.str_)
    letters = np.array([LETTERS.find(letter_of(name)) for name in names.tolist()], np.intp)
    return Peptides(xyz, letters, _stretches(xyz))


def _stretches(backbone_A: Floats) -> NDArray[np.intp]:
    if not len(backbone_A):
        return np.empty(0, np.intp)
    bonds = np.linalg.norm(backbone_A[1:, 0] - backbone_A[:-1, 2], axis=1)
    return np.concatenate([[0], np.cumsum(bonds > LONGEST_BOND_A)]).astype(np.intp)
