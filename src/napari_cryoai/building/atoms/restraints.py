"""Ideal bonds and angles of a chain of amino acids, by the slots of its residues."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

from napari_cryoai.building.atoms.tables import tables
from napari_cryoai.building.atoms.topology import CA, CB, PRO, PRO_CD, SLOTS, C, N, O, kind

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Mask = NDArray[np.bool_]

ANY, PROLINE, CIS_PROLINE = range(3)
"""Rows of `Tables.links`."""


def ideal_bonds(kinds: Ints, bound: Mask) -> tuple[Ints, Floats]:
    """Bonds `(k, 2)` and their lengths `(k,)` [A].

    Atoms are counted through the slots of all residues: atom `slot` of residue `i` is
    `i * SLOTS + slot`.

    Parameters
    ----------
    kinds
        `(n,)` rows of `topology.KINDS`.
    bound
        `(n,)` whether there is a peptide bond to the residue before.
    """
    atoms, lengths = _inside(kinds, tables().bonds, "bonds")
    linked = np.flatnonzero(bound)
    peptide = np.stack([(linked - 1) * SLOTS + C, linked * SLOTS + N], 1)
    length = tables().links[np.where(kinds[linked] == PRO, PROLINE, ANY), 0]
    return np.concatenate([atoms, peptide]), np.concatenate([lengths, length])


def ideal_angles(kinds: Ints, bound: Mask, is_cis: Mask) -> tuple[Ints, Floats]:
    """Angles `(k, 3)`, the apex in the middle, and their values `(k,)` [rad]."""
    atoms, values = _inside(kinds, tables().angles, "angles")
    here = np.flatnonzero(bound)
    last, at = (here - 1) * SLOTS, here * SLOTS
    is_proline = kinds[here] == PRO
    row = np.where(is_proline, np.where(is_cis[here], CIS_PROLINE, PROLINE), ANY)
    links = tables().links[row]
    columns = [
        (last + CA, last + C, at + N),
        (last + O, last + C, at + N),
        (last + C, at + N, at + CA),
    ]
    found = [np.stack(three, 1) for three in columns]
    ring = np.stack([last + C, at + N, at + PRO_CD], 1)[is_proline]
    wanted = [links[:, 1], links[:, 2], links[:, 3], links[is_proline, 4]]
    return np.concatenate([atoms, *found, ring]), np.concatenate([values, *wanted])


def ideal_centres(kinds: Ints, bound: Mask) -> tuple[Ints, Floats]:
    """Atoms with three neighbours `(k, 4)`, and the volumes `(k,)` [A^3] that those span."""
    atoms, volumes = _inside(kinds, tables().volumes, "centres")
    here = np.flatnonzero(bound)
    last, at = (here - 1) * SLOTS, here * SLOTS
    carbonyl = np.stack([last + C, last + CA, last + O, at + N], 1)
    ring = np.stack([at + N, last + C, at + CA, at + PRO_CD], 1)[kinds[here] == PRO]
    flat = np.zeros(len(carbonyl) + len(ring))
    return np.concatenate([atoms, carbonyl, ring]), np.concatenate([volumes, flat])


def ideal_torsions(kinds: Ints, bound: Mask, is_cis: Mask) -> tuple[Ints, Floats]:
    """Torsions `(k, 4)` that bonds hold, and their values `(k,)` [rad]: rings, peptide bonds."""
    atoms, values = [], []
    for number in np.unique(kinds).tolist():
        if number == PRO:
            continue
        held = [h for h in kind(number).hangs if h.chi < 0 and h.slot > CB]
        base = np.flatnonzero(kinds == number)[:, None] * SLOTS
        for hang in held:
            atoms.append(base + np.array([*hang.parents, hang.slot]))
            values.append(np.full(len(base), tables().ideal[number, hang.slot, 2]))
    here = np.flatnonzero(bound)
    last, at = (here - 1) * SLOTS, here * SLOTS
    atoms.append(np.stack([last + CA, last + C, at + N, at + CA], 1))
    values.append(np.where(is_cis[here], 0.0, np.pi))
    return np.concatenate(atoms), np.concatenate(values)


def bond_graph(bonds: Ints, n: int) -> csr_matrix:
    """`(n, n)` symmetric matrix, 1 for atoms that are bound to each other."""
    both = np.concatenate([bonds, bonds[:, ::-1]])
    return coo_matrix((np.ones(len(both), np.int8), both.T), (n, n)).tocsr()


def _inside(kinds: Ints, table: Floats, what: str) -> tuple[Ints, Floats]:
    """Tuples of atoms inside residues, and their ideal values."""
    atoms, values = [], []
    for number in np.unique(kinds).tolist():
        slots = np.array(getattr(kind(number), what), np.intp)
        if not len(slots):
            continue
        base = np.flatnonzero(kinds == number)[:, None, None] * SLOTS
        atoms.append((base + slots).reshape(-1, slots.shape[1]))
        values.append(np.tile(table[number, : len(slots)], len(base)))
    if not atoms:
        widths = {"bonds": 2, "angles": 3, "centres": 4}
        return np.empty((0, widths[what]), np.intp), np.empty(0)
    return np.concatenate(atoms), np.concatenate(values)
