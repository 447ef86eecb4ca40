"""The residues of a protein as the networks need them: backbone atoms, letters, neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.residue_atoms import bound, residue_atoms
from napari_cryoai.building.atoms.topology import UNKNOWN
from napari_cryoai.core.structure import Structure
from napari_cryoai.core.trace import fragment_rows

Floats = NDArray[np.float64]


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

    def stretches(self) -> list[NDArray[np.intp]]:
        """Rows of each unbroken stretch of chain."""
        return fragment_rows(self.chain)


def peptides_of(structure: Structure) -> Peptides:
    """The amino acids of a structure; those that miss an atom of the backbone are left out."""
    residues = residue_atoms(structure)
    whole = (residues.rows[:, :4] >= 0).all(1)
    backbone_A, kinds = residues.xyz_A[whole, :4], residues.kinds[whole]
    stretch = np.cumsum(~bound(backbone_A, residues.chains[whole])) - 1
    return Peptides(backbone_A, np.where(kinds == UNKNOWN, -1, kinds), stretch)
