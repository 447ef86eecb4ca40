"""Which atoms are linked, and by how few bonds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, identity
from scipy.spatial import cKDTree

from napari_cryoai.core.structure import Structure

BOND_A, SULPHUR_BOND_A = 1.95, 2.3
"""Atoms of one residue, or of neighbours in a chain, that are nearer are bound to each other."""


def covalent(structure: Structure) -> csr_matrix:
    """`(n, n)` symmetric matrix, 1 for atoms that are bound to each other, judged by distance.

    A clash of atoms that are not neighbours along the chain is no bond, however close they come.
    """
    n = len(structure)
    pairs = cKDTree(structure.xyz_A).query_pairs(SULPHUR_BOND_A, output_type="ndarray")
    one, other = pairs.T
    distance = np.linalg.norm(structure.xyz_A[one] - structure.xyz_A[other], axis=1)
    sulphur = np.isin(structure.elements, ["S", "P", "SE"])
    reach = np.where(sulphur[one] | sulphur[other], SULPHUR_BOND_A, BOND_A)
    index = structure.residue_index()
    apart = np.abs(index[one] - index[other])
    names = structure.atom_names
    peptide = (names[one] == "C") & (names[other] == "N") & (index[other] - index[one] == 1)
    peptide |= (names[one] == "N") & (names[other] == "C") & (index[one] - index[other] == 1)
    disulfide = sulphur[one] & sulphur[other]
    bound = (distance < reach) & ((apart == 0) | peptide | disulfide | _no_protein(names, pairs))
    one, other = one[bound], other[bound]
    ones = np.ones(2 * len(one), np.int8)
    rows, columns = np.concatenate([one, other]), np.concatenate([other, one])
    return coo_matrix((ones, (rows, columns)), (n, n)).tocsr()


def _no_protein(names: NDArray[np.str_], pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Bonds between residues of nucleic acids and of glycans."""
    linked = np.isin(names, ["P", "O3'", "C1", "ND2", "O4", "O6", "O3", "O2"])
    return linked[pairs[:, 0]] & linked[pairs[:, 1]]


def bonded_pairs(graph: csr_matrix, pairs: NDArray[np.intp], bonds: int) -> NDArray[np.bool_]:
    """`(k,)` whether the atoms of a pair are linked by so many bonds or fewer."""
    reached = power = graph + identity(graph.shape[0], np.int8, format="csr")
    for _ in range(bonds - 1):
        reached = reached @ power
        reached.data[:] = 1
    if not len(pairs):
        return np.zeros(0, np.bool_)
    return np.asarray(reached[pairs[:, 0], pairs[:, 1]]).ravel() > 0
