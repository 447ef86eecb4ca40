"""Residues as arrays: atoms of a structure in the slots of `topology`, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.topology import (
    CA,
    KINDS,
    SLOTS,
    UNKNOWN,
    C,
    N,
    kind,
    kind_of_name,
)
from napari_cryoai.core.angles import dihedral
from napari_cryoai.core.structure import Structure

Floats = NDArray[np.float64]

PEPTIDE_BOND_A = 2.0
"""C and N that are closer than this are bound to each other."""

_ALIASES = {"SE": "SD", "OT1": "O", "OT2": "OXT", "O1": "O"}
"""Of selenomethionine; and of programs that name the ends of chains their own way."""


@dataclass(frozen=True, eq=False)
class ResidueAtoms:
    """Amino acids, one row each.

    Attributes
    ----------
    xyz_A
        `(n, SLOTS, 3)`; NaN where an atom is missing.
    kinds
        `(n,)` rows of `topology.KINDS`.
    bound
        `(n,)` whether there is a peptide bond to the residue before.
    rows
        `(n, SLOTS)` of the atoms in the structure; -1 where missing.
    chains, numbers
        `(n,)` text, as in the structure.
    """

    xyz_A: Floats
    kinds: NDArray[np.intp]
    bound: NDArray[np.bool_]
    rows: NDArray[np.intp]
    chains: NDArray[np.str_]
    numbers: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def bound_after(self) -> NDArray[np.bool_]:
        """`(n,)` whether there is a peptide bond to the residue after."""
        return np.append(self.bound[1:], False) if len(self) else self.bound


def residue_atoms(structure: Structure) -> ResidueAtoms:
    """The amino acids of a structure that have a CA; of unknown ones those that have N and C too.

    What is called CA in a ligand, and calcium, is none.
    """
    index = structure.residue_index()
    _, first = np.unique(index, return_index=True)
    kinds = np.array([kind_of_name(str(n)) for n in structure.residue_names[first]], np.intp)
    rows = np.full((len(first), SLOTS), -1, np.intp)
    slots = [{name: slot for slot, name in enumerate(kind(k).atoms)} for k in range(len(KINDS))]
    owners, names = index.tolist(), structure.atom_names.tolist()
    for row, (owner, name) in enumerate(zip(owners, names, strict=True)):
        slot = slots[kinds[owner]].get(_ALIASES.get(name, name))
        if slot is not None and rows[owner, slot] < 0:
            rows[owner, slot] = row
    is_carbon = structure.elements[np.maximum(rows[:, CA], 0)] == "C"
    is_peptide = (kinds != UNKNOWN) | (rows[:, [N, C]] >= 0).all(1)
    keep = (rows[:, CA] >= 0) & is_carbon & is_peptide
    rows, first, kinds = rows[keep], first[keep], kinds[keep]
    xyz = np.full((*rows.shape, 3), np.nan)
    xyz[rows >= 0] = structure.xyz_A[rows[rows >= 0]]
    chains, numbers = structure.chains[first], structure.residue_numbers[first]
    return ResidueAtoms(xyz, kinds, bound(xyz, chains), rows, chains, numbers)


def bound(xyz: Floats, chains: NDArray[np.str_]) -> NDArray[np.bool_]:
    """`(n,)` whether there is a peptide bond to the residue before, of atoms `(n, SLOTS, 3)`."""
    found = np.zeros(len(xyz), np.bool_)
    if len(xyz) > 1:
        reach = np.linalg.norm(xyz[1:, N] - xyz[:-1, C], axis=1)
        found[1:] = (reach < PEPTIDE_BOND_A) & (chains[1:] == chains[:-1])
    return found


def backbone_torsions(residues: ResidueAtoms) -> Floats:
    """`(n, 3)` phi, psi and the omega of the bond to the residue before; NaN where undefined."""
    xyz, n = residues.xyz_A, len(residues)
    found = np.full((n, 3), np.nan)
    if n < 2:
        return found
    here, after = xyz[1:], xyz[:-1]
    phi = dihedral(after[:, C], here[:, N], here[:, CA], here[:, C])
    omega = dihedral(after[:, CA], after[:, C], here[:, N], here[:, CA])
    psi = dihedral(after[:, N], after[:, CA], after[:, C], here[:, N])
    bound = residues.bound[1:]
    found[1:, 0] = np.where(bound, phi, np.nan)
    found[1:, 2] = np.where(bound, omega, np.nan)
    found[:-1, 1] = np.where(bound, psi, np.nan)
    return found


def side_chain_torsions(residues: ResidueAtoms) -> Floats:
    """`(n, 4)` chi; NaN where there is none."""
    found = np.full((len(residues), 4), np.nan)
    for number in range(len(KINDS)):
        of_kind = np.flatnonzero(residues.kinds == number)
        for i, four in enumerate(kind(number).chi_atoms):
            atoms = (residues.xyz_A[of_kind, slot] for slot in four)
            found[of_kind, i] = dihedral(*atoms)
    return found
