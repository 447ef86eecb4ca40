"""Helices and sheets as coordinate files name them: from one residue to another."""

from __future__ import annotations

from collections.abc import Iterator

import gemmi
import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.atomic_model import Residues

SHORTEST = {"H": 4, "E": 3}
"""Residues of a helix and of a strand: fewer are none."""
PAIRED_A = 5.8
"""CA of neighbouring strands are closer: 4.4 to 5.5 A in pairs."""
PAIRS = 2


def helices_and_sheets(
    structure: gemmi.Structure, laid_out: list[tuple[str, gemmi.Residue]], residues: Residues
) -> None:
    """Add helices and sheets to a structure.

    Parameters
    ----------
    laid_out
        Chain and residue of each of `residues`, as the structure has them.
    """
    places = [gemmi.AtomAddress(chain, r.seqid, r.name, "CA") for chain, r in laid_out]
    for part in _runs(residues, "H"):
        helix = gemmi.Helix()
        helix.start, helix.end = places[part[0]], places[part[-1]]
        helix.length, helix.pdb_helix_class = len(part), gemmi.Helix.HelixClass.RAlpha
        structure.helices.append(helix)
    strands = list(_runs(residues, "E"))
    for number, members in enumerate(sheets_of(strands, residues.ca_A), 1):
        sheet = gemmi.Sheet(str(number))
        for strand in _strands([strands[m] for m in members], residues.ca_A, places):
            sheet.strands.append(strand)
        structure.sheets.append(sheet)


def sheets_of(strands: list[NDArray[np.intp]], ca_A: NDArray[np.float64]) -> list[list[int]]:
    """Which strands lie side by side, and so form a sheet.

    Parameters
    ----------
    strands
        Rows of each.
    ca_A
        `(n, 3)` positions of CA.

    Returns
    -------
    sheets
        Numbers of the strands of each; a strand that lies alone is a sheet of its own.
    """
    from scipy.sparse import coo_array  # slow to import
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if not strands:
        return []
    rows = np.concatenate(strands)
    strand = np.repeat(np.arange(len(strands)), [len(s) for s in strands])
    pairs = cKDTree(ca_A[rows]).query_pairs(PAIRED_A, output_type="ndarray")
    one, other = strand[pairs[:, 0]], strand[pairs[:, 1]]
    shape = (len(strands), len(strands))
    contacts = coo_array((np.ones(len(pairs)), (one, other)), shape).toarray()
    _, sheet = connected_components(contacts + contacts.T >= PAIRS, directed=False)
    return [np.flatnonzero(sheet == s).tolist() for s in dict.fromkeys(sheet.tolist())]


def _runs(residues: Residues, kind: str) -> Iterator[NDArray[np.intp]]:
    """Rows of what is of one kind, one after another in a chain, and long enough."""
    here = residues.secondary == kind
    ends = ~here[:-1] | ~here[1:] | (np.diff(residues.numbers) != 1)
    ends |= residues.chains[1:] != residues.chains[:-1]
    for part in np.split(np.arange(len(residues)), np.flatnonzero(ends) + 1):
        if len(part) >= SHORTEST[kind] and here[part[0]]:
            yield part


def _strands(
    strands: list[NDArray[np.intp]], ca_A: NDArray[np.float64], places: list[gemmi.AtomAddress]
) -> Iterator[gemmi.Sheet.Strand]:
    before: NDArray[np.float64] | None = None
    for number, rows in enumerate(strands, 1):
        along = ca_A[rows[-1]] - ca_A[rows[0]]
        strand = gemmi.Sheet.Strand()
        strand.name = str(number)
        strand.start, strand.end = places[rows[0]], places[rows[-1]]
        strand.sense = 0 if before is None else (1 if along @ before > 0 else -1)
        yield strand
        before = along
