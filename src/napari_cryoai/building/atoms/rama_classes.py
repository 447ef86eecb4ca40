"""Residues sorted by what their phi and psi may be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.residue_atoms import ResidueAtoms
from napari_cryoai.building.atoms.topology import GLY, PRO
from napari_cryoai.core.amino_acids import NAMES

CLASSES = ("general", "glycine", "isoleucine, valine", "before proline", "proline")
GENERAL, GLYCINE, BRANCHED, PRE_PROLINE, PROLINE = range(len(CLASSES))


def rama_classes(residues: ResidueAtoms) -> NDArray[np.intp]:
    """`(n,)` rows of `CLASSES` (after Lovell et al. 2003)."""
    return classes_of(residues.kinds, residues.bound)


def classes_of(kinds: NDArray[np.intp], bound: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The same of amino acids, rows of `topology.KINDS`, bound to the one before or not."""
    before = np.zeros(len(kinds), np.bool_)
    before[:-1] = (kinds[1:] == PRO) & bound[1:]
    found = np.full(len(kinds), GENERAL, np.intp)
    found[np.isin(kinds, [NAMES.index("ILE"), NAMES.index("VAL")])] = BRANCHED
    found[before] = PRE_PROLINE
    found[kinds == GLY] = GLYCINE
    found[kinds == PRO] = PROLINE
    return found
