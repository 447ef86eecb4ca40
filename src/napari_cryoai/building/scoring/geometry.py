"""How sound the geometry of a model is, whatever the map says.

The measures are those of MolProbity (Chen et al. 2010, Acta Cryst. D66, 12; Lovell et al. 2003,
Proteins 50, 437) in definitions of this package's own: the distributions come from its own tables,
and clashes are counted between heavy atoms, without hydrogens. So the values of two models can be
compared with each other, and not with values that MolProbity gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.building.atoms.bonded import bonded_pairs, covalent
from napari_cryoai.building.atoms.rama_classes import rama_classes
from napari_cryoai.building.atoms.residue_atoms import (
    ResidueAtoms,
    backbone_torsions,
    residue_atoms,
    side_chain_torsions,
)
from napari_cryoai.building.atoms.restraints import ideal_angles, ideal_bonds
from napari_cryoai.building.atoms.rotamer_library import log_density
from napari_cryoai.building.atoms.tables import tables
from napari_cryoai.building.atoms.topology import CA, PRO, C, N
from napari_cryoai.core.angles import angle, dihedral
from napari_cryoai.core.structure import Structure

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FAVOURED, ALLOWED, OUTLIER = "favoured", "allowed", "outlier"

RADII_A = {"C": 1.70, "N": 1.55, "O": 1.52, "S": 1.80, "P": 1.80, "SE": 1.90}
"""Of van der Waals (Bondi 1964, J. Phys. Chem. 68, 441)."""
OTHER_RADIUS_A = 1.70
OVERLAP_A = 0.4
"""Atoms that overlap by more than this clash."""
HYDROGEN_BOND_A = 0.4
"""N and O may come nearer by this: there may be a hydrogen between them that both share."""
DISULFIDE_A = 2.5

CIS_DEG, TWISTED_DEG = 30.0, 150.0
"""A peptide bond with an omega of less than the first is cis, up to the second twisted."""

CA_CIS_A, CA_TRANS_A, CA_SPREAD_A = 2.95, 3.80, 0.25
"""CA of bound residues lie as far apart as one of the first two, give or take the third."""
CA_ANGLES_DEG = (75.0, 160.0)
CA_NEAREST_A = 3.4
"""No two CA of residues that are not bound lie nearer."""

BOND_SIGMA_A, ANGLE_SIGMA_DEG = 0.020, 2.0
"""Typical spread of small molecules (Engh and Huber 2001, Int. Tables F, 382)."""


@dataclass(frozen=True, eq=False)
class Ramachandran:
    """Backbone torsions, one row for each amino acid, in the order of the structure.

    Attributes
    ----------
    residues
        The amino acids.
    phi_deg, psi_deg
        `(n,)`; NaN next to ends and breaks.
    omega_deg
        `(n,)` of the bond to the residue before; NaN if there is none.
    region
        `(n,)` "favoured", "allowed", "outlier", or "" where phi or psi is not defined.
    """

    residues: ResidueAtoms
    phi_deg: Floats
    psi_deg: Floats
    omega_deg: Floats
    region: NDArray[np.str_]

    @property
    def favoured(self) -> float:
        """Share in the favoured regions, which hold 98 % of good structures; NaN of nothing."""
        return self._share(FAVOURED)

    @property
    def outliers(self) -> float:
        """Share outside of the allowed regions, which hold 99.95 % (glycine, proline: 99.8 %)."""
        return self._share(OUTLIER)

    @property
    def is_cis(self) -> Mask:
        """`(n,)` whether the bond to the residue before is cis."""
        return np.abs(self.omega_deg) < CIS_DEG

    @property
    def is_twisted(self) -> Mask:
        """`(n,)` whether it is neither cis nor trans."""
        turn = np.abs(self.omega_deg)
        return (turn >= CIS_DEG) & (turn < TWISTED_DEG)

    @property
    def cis_but_proline(self) -> int:
        """How many cis bonds there are before other residues than proline: rare in nature."""
        return int((self.is_cis & (self.residues.kinds != PRO)).sum())

    def _share(self, region: str) -> float:
        known = self.region != ""
        return float((self.region[known] == region).mean()) if known.any() else float("nan")


def ramachandran(structure: Structure) -> Ramachandran:
    """Phi, psi and omega of all residues, and whether they are common."""
    residues = residue_atoms(structure)
    turns = backbone_torsions(residues)
    known = np.isfinite(turns[:, :2]).all(1)
    region = np.full(len(residues), "", "<U8")
    classes = rama_classes(residues)[known]
    values = rama_values(turns[known, 0], turns[known, 1], classes)
    contours = tables().rama_contours[classes]
    region[known] = np.where(
        values >= contours[:, 0], FAVOURED, np.where(values >= contours[:, 1], ALLOWED, OUTLIER)
    )
    phi, psi, omega = np.degrees(turns).T
    return Ramachandran(residues, phi, psi, omega, region)


def rama_values(phi: Floats, psi: Floats, classes: NDArray[np.intp]) -> Floats:
    """`(n,)` logarithm of the density at phi and psi [rad], over its mean."""
    table = tables().rama
    n = table.shape[1]
    cells = [
        np.floor(np.mod(turn + np.pi, 2 * np.pi) / (2 * np.pi) * n).astype(np.intp) % n
        for turn in (phi, psi)
    ]
    return table[classes, cells[0], cells[1]]


@dataclass(frozen=True, eq=False)
class Clashes:
    """Pairs of atoms that are too close, the worst first.

    Attributes
    ----------
    pairs
        `(k, 2)` rows of the structure.
    overlap_A
        `(k,)` how far the atoms reach into each other.
    atoms
        How many were looked at.
    """

    pairs: NDArray[np.intp]
    overlap_A: Floats
    atoms: int

    @property
    def score(self) -> float:
        """For each thousand atoms."""
        return 1000 * len(self.pairs) / max(self.atoms, 1)


def clashes(structure: Structure) -> Clashes:
    """Heavy atoms that overlap by more than 0.4 A and are not linked by three bonds or fewer.

    N and O are allowed 0.4 A more towards each other, for hydrogen bonds; sulphur atoms may form
    disulfides. Hydrogens in the file are ignored.
    """
    heavy = np.flatnonzero(~np.isin(structure.elements, ["H", "D"]))
    atoms = structure.select(heavy)
    radii = np.array([RADII_A.get(str(e), OTHER_RADIUS_A) for e in atoms.elements])
    if len(atoms) < 2:
        return Clashes(np.empty((0, 2), np.intp), np.empty(0), len(atoms))
    pairs = cKDTree(atoms.xyz_A).query_pairs(2 * radii.max() - OVERLAP_A, output_type="ndarray")
    one, other = pairs.T
    distance = np.linalg.norm(atoms.xyz_A[one] - atoms.xyz_A[other], axis=1)
    polar, sulphur = np.isin(atoms.elements, ["N", "O"]), atoms.elements == "S"
    overlap = radii[one] + radii[other] - distance - HYDROGEN_BOND_A * (polar[one] & polar[other])
    near = (overlap > OVERLAP_A) & ~(sulphur[one] & sulphur[other] & (distance < DISULFIDE_A))
    pairs, overlap = pairs[near], overlap[near]
    free = ~bonded_pairs(covalent(atoms), pairs, bonds=3)
    order = np.argsort(-overlap[free], kind="stable")
    return Clashes(heavy[pairs[free][order]], overlap[free][order], len(atoms))


def clashscore(structure: Structure) -> float:
    """Clashes between heavy atoms for each thousand atoms."""
    return clashes(structure).score


@dataclass(frozen=True, eq=False)
class Rotamers:
    """Side-chain torsions, one row for each amino acid.

    Attributes
    ----------
    residues
        The amino acids.
    chi_deg
        `(n, 4)`; NaN where there is none.
    is_outlier
        `(n,)` whether the torsions are rarer than those of all but 0.3 % of good side chains.
    is_known
        `(n,)` whether there is a side chain with all its torsions.
    """

    residues: ResidueAtoms
    chi_deg: Floats
    is_outlier: Mask
    is_known: Mask

    @property
    def outliers(self) -> float:
        """Share of the side chains that have torsions; NaN of none."""
        known = self.is_known
        return float(self.is_outlier[known].mean()) if known.any() else float("nan")


def rotamers(structure: Structure) -> Rotamers:
    """Torsions of all side chains, and whether they are common."""
    residues = residue_atoms(structure)
    chi = side_chain_torsions(residues)
    density = log_density(residues.kinds, chi)
    known = np.isfinite(density)
    outlier = known & (density < tables().rotamer_contour[residues.kinds])
    return Rotamers(residues, np.degrees(chi), outlier, known)


@dataclass(frozen=True, eq=False)
class CaGeometry:
    """The CA trace, one row for each amino acid.

    Attributes
    ----------
    residues
        The amino acids.
    is_outlier
        `(n,)` whether the distance to the CA before or after, the angle at this one, or the
        distance to any other is out of the common.
    """

    residues: ResidueAtoms
    is_outlier: Mask

    @property
    def outliers(self) -> float:
        """Share of the residues; NaN of none."""
        return float(self.is_outlier.mean()) if len(self.is_outlier) else float("nan")


def ca_geometry(structure: Structure) -> CaGeometry:
    """Distances and angles of CA: for traces too, where residues next in number are bound."""
    residues = residue_atoms(structure)
    ca, linked = residues.xyz_A[:, CA], _linked(residues)
    found = np.zeros(len(ca), np.bool_)
    step = np.linalg.norm(np.diff(ca, axis=0), axis=1)
    off = np.minimum(abs(step - CA_TRANS_A), abs(step - CA_CIS_A))
    odd = linked & (off > CA_SPREAD_A)
    found[1:] |= odd
    found[:-1] |= odd
    bend = np.degrees(angle(ca[:-2], ca[1:-1], ca[2:]))
    usual = (bend >= CA_ANGLES_DEG[0]) & (bend <= CA_ANGLES_DEG[1])
    chained: Mask = linked[1:] & linked[:-1]
    found[1:-1] |= ~usual & chained
    pairs = cKDTree(ca).query_pairs(CA_NEAREST_A, output_type="ndarray")
    neighbours = (pairs[:, 1] - pairs[:, 0] == 1) & np.append(linked, False)[pairs[:, 0]]
    found[pairs[~neighbours].ravel()] = True
    return CaGeometry(residues, found)


def _linked(residues: ResidueAtoms) -> Mask:
    """`(n - 1,)` whether a residue is bound to the next, or is next to it in number."""
    chains, numbers = residues.chains, residues.numbers
    digits = np.array([int(s) if s.lstrip("-").isdigit() else -(10**6) for s in numbers.tolist()])
    follows = (chains[1:] == chains[:-1]) & (np.diff(digits) == 1)
    whole = np.asarray(np.isfinite(residues.xyz_A[:, [N, C]]).all((1, 2)))
    return np.where(whole[1:] & whole[:-1], residues.bound[1:], follows)


@dataclass(frozen=True)
class Deviations:
    """Root mean square deviations from ideal bonds and angles, in units of their spread."""

    bonds_rmsz: float
    angles_rmsz: float
    chirality_errors: int


def deviations(structure: Structure) -> Deviations:
    """How far bonds and angles of the amino acids are from ideal, over 0.02 A and 2 degrees.

    Residues whose CA has the wrong hand are counted too.
    """
    residues = residue_atoms(structure)
    xyz = residues.xyz_A.reshape(-1, 3)
    bonds, lengths = ideal_bonds(residues.kinds, residues.bound)
    angles, wanted = ideal_angles(residues.kinds, residues.bound, _cis(residues))
    length = np.linalg.norm(xyz[bonds[:, 0]] - xyz[bonds[:, 1]], axis=1)
    bend = angle(*(xyz[angles[:, i]] for i in range(3)))
    hand = dihedral(*(residues.xyz_A[:, slot] for slot in (0, 2, 1, 4)))
    return Deviations(
        _rms((length - lengths) / BOND_SIGMA_A),
        _rms(np.degrees(bend - wanted) / ANGLE_SIGMA_DEG),
        int((hand < 0).sum()),
    )


def _cis(residues: ResidueAtoms) -> Mask:
    return np.abs(np.degrees(backbone_torsions(residues)[:, 2])) < CIS_DEG


def _rms(z: Floats) -> float:
    z = z[np.isfinite(z)]
    return float(np.sqrt((z * z).mean())) if len(z) else float("nan")
