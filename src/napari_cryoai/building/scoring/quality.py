"""How sound the geometry of a model is: of the whole, and of each residue."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.atoms.residue_atoms import ResidueAtoms
from napari_cryoai.building.scoring.geometry import (
    Clashes,
    ca_geometry,
    clashes,
    deviations,
    ramachandran,
    rotamers,
)
from napari_cryoai.core.structure import Structure

Place = tuple[str, str]


@dataclass(frozen=True)
class Summary:
    """Figures of a whole model; None where it lacks the atoms: a trace of CA has no torsions.

    Attributes
    ----------
    ramachandran_favoured, ramachandran_outliers
        Shares of the residues that have phi and psi.
    rotamer_outliers
        Share of the side chains that have torsions.
    ca_outliers
        Share of the residues whose CA is too near or too far from others, or sharply bent.
    clashscore
        Clashes between heavy atoms for each thousand atoms.
    cis_but_proline, twisted
        Peptide bonds.
    bonds_rmsz, angles_rmsz
        Deviations from ideal values, in units of their spread.
    chirality_errors
        Residues whose CA has the wrong hand.
    """

    ramachandran_favoured: float | None
    ramachandran_outliers: float | None
    rotamer_outliers: float | None
    ca_outliers: float | None
    clashscore: float | None
    cis_but_proline: int
    twisted: int
    bonds_rmsz: float | None
    angles_rmsz: float | None
    chirality_errors: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True)
class ResidueQuality:
    """What is wrong with one residue.

    Attributes
    ----------
    ramachandran
        "favoured", "allowed", "outlier", or "" without phi and psi.
    rotamer_outlier, ca_outlier
        Whether its side chain or its CA is out of the common.
    clashes
        In how many clashes its atoms take part.
    """

    ramachandran: str = ""
    rotamer_outlier: bool = False
    ca_outlier: bool = False
    clashes: int = 0


@dataclass(frozen=True, eq=False)
class Quality:
    """Geometry of a model.

    Attributes
    ----------
    summary
        Of the whole.
    residues
        By chain and number (with insertion code).
    """

    summary: Summary
    residues: dict[Place, ResidueQuality]


def quality_of(structure: Structure) -> Quality:
    """Look at the torsions, contacts, bonds and angles of a model."""
    turns, chi, trace = ramachandran(structure), rotamers(structure), ca_geometry(structure)
    bumps, off = clashes(structure), deviations(structure)
    whole = len(turns.residues) and np.isfinite(turns.phi_deg).any()
    summary = Summary(
        ramachandran_favoured=_known(turns.favoured),
        ramachandran_outliers=_known(turns.outliers),
        rotamer_outliers=_known(chi.outliers),
        ca_outliers=_known(trace.outliers),
        clashscore=bumps.score if whole else None,
        cis_but_proline=turns.cis_but_proline,
        twisted=int(turns.is_twisted.sum()),
        bonds_rmsz=_known(off.bonds_rmsz),
        angles_rmsz=_known(off.angles_rmsz),
        chirality_errors=off.chirality_errors,
    )
    bumped = _clashes_of(turns.residues, bumps, len(structure))
    odd_ca = dict(zip(_places(trace.residues), trace.is_outlier.tolist(), strict=True))
    odd_chi = dict(zip(_places(chi.residues), chi.is_outlier.tolist(), strict=True))
    rows = zip(_places(turns.residues), turns.region.tolist(), bumped.tolist(), strict=True)
    residues = {
        place: ResidueQuality(region, odd_chi.get(place, False), odd_ca.get(place, False), count)
        for place, region, count in rows
    }
    return Quality(summary, residues)


def _clashes_of(residues: ResidueAtoms, found: Clashes, atoms: int) -> NDArray[np.intp]:
    """`(n,)` in how many clashes the atoms of each residue take part."""
    count = np.bincount(found.pairs.ravel(), minlength=atoms)
    here = residues.rows >= 0
    total: NDArray[np.intp] = np.where(here, count[np.where(here, residues.rows, 0)], 0).sum(1)
    return total


def _places(residues: ResidueAtoms) -> list[Place]:
    return list(zip(residues.chains.tolist(), residues.numbers.tolist(), strict=True))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
