"""What proteins look like on average: tables derived from structures, and where they come from.

`geometry.npz` is written by `benchmarks/geometry_tables.py`, which tells what each array holds. It
was derived from the training part of some 280 public structures (`split_structures`), 69,000
residues of the 179 of them that have at least 95 % of their residues in favoured regions; of these,
residues with a B-factor of CA above 40 A^2 are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Tables:
    """Arrays by name; angles in radians, lengths in Angstrom.

    Attributes
    ----------
    ideal
        `(21, 14, 3)` bond, angle and torsion that place each atom of a side chain; the torsion is
        an offset where a chi moves the atom.
    bonds, angles
        `(21, 15)`, `(21, 21)` of those in `topology.Kind`; NaN beyond them.
    volumes
        `(21, 7)` of the parallelepipeds that the bonds at the centres of `topology.Kind` span, with
        their hand; 0 where they lie flat.
    links
        `(3, 5)` C-N, CA-C-N, O-C-N, C-N-CA, C-N-CD of the peptide bond before any residue, before
        proline, before proline in cis.
    rama
        `(5, 72, 72)` logarithm of density over its mean, by phi and psi from -180 degrees on.
    rama_contours
        `(5, 2)` values that the favoured and the allowed regions exceed.
    rotamer_kind
        `(m,)` rows of `topology.KINDS`.
    rotamer_chi, rotamer_sd
        `(m, 4)`; NaN where there is no such torsion.
    rotamer_log
        `(m, 12, 12)` logarithm of the share at phi and psi.
    rotamer_contour
        `(21,)` logarithm of the density that all but 0.3 % of side chains exceed.
    plane_log
        `(3, 3, 36, 36)` logarithm of the share of turns of a peptide's plane, by the angles at both
        CA and the torsion of four CA.
    peptide_trans, peptide_cis
        `(3, 2)` C, O and N of a peptide: along the axis from CA to CA, and off it on O's side.
    """

    ideal: Floats
    bonds: Floats
    angles: Floats
    volumes: Floats
    links: Floats
    rama: Floats
    rama_contours: Floats
    rotamer_kind: NDArray[np.intp]
    rotamer_chi: Floats
    rotamer_sd: Floats
    rotamer_log: Floats
    rotamer_contour: Floats
    plane_log: Floats
    peptide_trans: Floats
    peptide_cis: Floats


@cache
def tables() -> Tables:
    """The tables that this package ships."""
    with files(__package__).joinpath("geometry.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        arrays: dict[str, Any] = {f.name: stored[f.name] for f in fields(Tables)}
    for name, array in arrays.items():
        arrays[name] = array.astype(np.intp if name == "rotamer_kind" else np.float64)
    return Tables(**arrays)
