"""What a model looks like: its ribbon, and sticks of some of its atoms. For a thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.model_of import residue_of_atoms, rows_of_chains
from napari_cryoai.core.ribbon import Ribbon, ribbon
from napari_cryoai.core.sticks import COLOURS, Sticks, sticks
from napari_cryoai.ui.models.colouring import rgb_of

Rows = NDArray[np.intp]
RGB = NDArray[np.uint8]
CARBON = "#c9ccd2"
_MAIN_CHAIN = ("N", "C", "O", "OXT")
_BONDED_A = 4.1
MOST_ATOMS = 20_000
"""Of which sticks can be drawn without a wait."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """The geometry of a model.

    Attributes
    ----------
    ribbon
        Of its amino acids.
    residue_of_atom
        `(n,)` row of the residue of each atom; -1 for ligands, nucleic acids, ions.
    others
        Rows of the atoms that are of no amino acid.
    """

    ribbon: Ribbon
    residue_of_atom: Rows
    others: Rows


def draw(model: AtomicModel, chains: Sequence[Rows] | None = None) -> Drawing:
    """The ribbon of a model; `chains` are the rows of its fragments, if its chains are not."""
    residues = model.residues
    row = residue_of_atoms(model.structure)
    o_A = np.full((len(residues), 3), np.nan)
    at_o = np.flatnonzero((model.structure.atom_names == "O") & (row >= 0))
    o_A[row[at_o]] = model.structure.xyz_A[at_o]
    chains = _unbroken(model) if chains is None else chains
    mesh = ribbon(residues.ca_A, o_A, residues.secondary, chains)
    return Drawing(mesh, row, np.flatnonzero(row < 0))


def _unbroken(model: AtomicModel) -> list[Rows]:
    """The rows of the chains, cut where numbers are left out, unless the next CA is bonded.

    Some files number by a scheme, as those of antibodies, and leave numbers out without a gap.
    """
    residues, parts = model.residues, list[Rows]()
    for rows in rows_of_chains(residues.chains):
        step = np.linalg.norm(np.diff(residues.ca_A[rows], axis=0), axis=1)
        jump = ~np.isin(np.diff(residues.numbers[rows]), (0, 1)) & (step > _BONDED_A)
        parts += np.split(rows, np.flatnonzero(jump) + 1)
    return parts


def side_chains(model: AtomicModel, drawing: Drawing, rows: Rows) -> Rows:
    """The atoms of the side chains of some residues, from CA on.

    Where a residue has no side chain, these are all its atoms, so that there is something to see.
    """
    atoms = np.flatnonzero(np.isin(drawing.residue_of_atom, rows))
    return atoms[~np.isin(model.structure.atom_names[atoms], _MAIN_CHAIN)]


def whole(drawing: Drawing, rows: Rows) -> Rows:
    """All atoms of some residues."""
    return np.flatnonzero(np.isin(drawing.residue_of_atom, rows))


def around(model: AtomicModel, drawing: Drawing, rows: Rows, radius_A: float) -> Rows:
    """The residues with an atom within a distance of an atom of some others."""
    xyz_A = model.structure.xyz_A
    inside = np.flatnonzero(drawing.residue_of_atom >= 0)
    centre = whole(drawing, rows)
    if not len(centre):
        return rows
    near = cKDTree(xyz_A[centre]).query(xyz_A[inside], distance_upper_bound=radius_A)[0]
    return np.unique(drawing.residue_of_atom[inside[np.isfinite(near)]])


def sticks_of(model: AtomicModel, atoms: Rows, carbon: RGB, radius_A: float) -> tuple[Sticks, RGB]:
    """Sticks of some atoms, and the `(m, 3)` colours of their vertices.

    Parameters
    ----------
    carbon
        `(3,)`, or `(n, 3)` with one row for each of the atoms.
    """
    elements = model.structure.elements[atoms]
    mesh = sticks(model.structure.xyz_A[atoms], elements, radius_A)
    rgb = np.broadcast_to(carbon, (len(atoms), 3)).copy()
    for element, hue in COLOURS.items():
        rgb[elements == element] = rgb_of(hue)
    return mesh, rgb[mesh.atom]
