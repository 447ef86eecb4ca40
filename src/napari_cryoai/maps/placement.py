"""Atoms and the map that they were fitted to: which lie in it, and what they are part of."""

from __future__ import annotations

import gemmi
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.structure import Structure

PROTEIN_BACKBONE = ("N", "CA", "C", "O", "OXT", "OT1", "OT2")
NUCLEIC_BACKBONE = (
    *("P", "OP1", "OP2", "OP3", "O1P", "O2P", "O3P"),
    *("O5'", "C5'", "C4'", "O4'", "C3'", "O3'", "C2'", "O2'", "C1'"),
    *("O5*", "C5*", "C4*", "O4*", "C3*", "O3*", "C2*", "O2*", "C1*"),
)
"""Phosphate and sugar; stars as in old files."""


def inside_map(structure: Structure, density: DensityMap) -> NDArray[np.bool_]:
    """`(n,)` which atoms lie in the box, from its first voxel to its last.

    Raises
    ------
    CryoAIError
        If none does.
    """
    if not len(structure):
        raise CryoAIError("the model holds no atoms", remedy="Check that it is the coordinate file")
    index = density.index_of(structure.xyz_A[:, ::-1])
    inside: NDArray[np.bool_] = np.all(
        (index >= 0) & (index <= np.array(density.shape) - 1), axis=1
    )
    if not inside.any():
        middle = ", ".join(f"{x:.0f}" for x in structure.xyz_A.mean(0))
        low, high = density.origin_A, density.world_of(np.array([density.shape]) - 1)[0]
        box = " x ".join(f"{a:.0f} to {b:.0f}" for a, b in zip(low[::-1], high[::-1], strict=True))
        raise CryoAIError(
            f"no atom lies in the map: their middle is at {middle} A, the map at {box} A (x, y, z)",
            remedy="Fit the model to this map, or check the map's origin and voxel size",
        )
    return inside


def residue_parts(structure: Structure) -> NDArray[np.str_]:
    """`(n,)` "backbone" or "side chain" (a base, in nucleic acids); "" in ligands and waters."""
    names, inverse = np.unique(structure.residue_names, return_inverse=True)
    known = [gemmi.find_tabulated_residue(name) for name in names.tolist()]
    protein = np.array([k.is_amino_acid() for k in known], np.bool_)[inverse]
    nucleic = np.array([k.is_nucleic_acid() for k in known], np.bool_)[inverse]
    spine = (protein & np.isin(structure.atom_names, PROTEIN_BACKBONE)) | (
        nucleic & np.isin(structure.atom_names, NUCLEIC_BACKBONE)
    )
    return np.where(spine, "backbone", np.where(protein | nucleic, "side chain", ""))
