"""Helices and strands from the places of CA alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.core.spline import BREAK_A, unbroken

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Rows = NDArray[np.intp]
Ideal = dict[int | str, tuple[float, float]]

# Labesse et al. (1997), table 1: the middle and how far from it, in A and in degrees.
_HELIX: Ideal = {2: (5.5, 0.5), 3: (5.3, 0.5), 4: (6.4, 0.6), "bend": (89, 12), "twist": (50, 20)}
_STRAND: Ideal = {
    2: (6.7, 0.6),
    3: (9.9, 0.9),
    4: (12.4, 1.1),
    "bend": (124, 14),
    "twist": (-170, 45),
}
_HELIX_RESIDUES, _STRAND_RESIDUES, _LONE_STRAND_RESIDUES = 5, 3, 5
_PARTNERS_A = (4.2, 5.2)
_PARTNERS = 5


def secondary_structure(
    ca_A: Floats, chains: Sequence[Rows] | None = None, *, break_A: float = BREAK_A
) -> NDArray[np.str_]:
    """Helix, strand or coil of each residue, by P-SEA (Labesse et al. 1997, CABIOS 13, 291).

    Distances and angles of successive CA say what a residue may be; a helix needs five such
    residues in a row, a strand three with a neighbouring strand, or five without.

    Parameters
    ----------
    ca_A
        `(n, 3)` positions of CA, in any order of the axes but right-handed (x, y, z); rows that are
        not finite are coil.
    chains
        The rows of each chain or fragment, from the N to the C terminus; None: all rows are one.
    break_A
        Residues that follow one another but lie farther apart are not joined.

    Returns
    -------
    secondary
        `(n,)` "H", "E" or "C"; residues of no chain are "C".
    """
    ca_A = np.asarray(ca_A, np.float64).reshape(-1, 3)
    result = np.full(len(ca_A), "C")
    pieces = unbroken(ca_A, chains, break_A)
    if not len(pieces.rows):
        return result
    shape = _Shape(ca_A[pieces.rows], pieces.piece)
    found = np.full(len(pieces.rows), "C")
    found[_strands(shape)] = "E"
    found[_helices(shape)] = "H"
    result[pieces.rows] = found
    return result


class _Shape:
    """Distances and angles along the chain; each is kept with the residue that it begins at."""

    def __init__(self, ca_A: Floats, pieces: Rows):
        self.ca_A, self.pieces = ca_A, pieces
        self._of: dict[int | str, Floats] = {n: self._distance(n) for n in (2, 3, 4)}
        self._of["bend"], self._of["twist"] = self._bend(), self._twist()

    def is_like(self, kind: int | str, ideal: Ideal) -> Mask:
        """Where a distance or angle is that of a helix or strand; False where there is none."""
        middle, width = ideal[kind]
        off = np.abs(self._of[kind] - middle)
        if kind == "twist":
            off = np.minimum(off, 360 - off)
        return off <= width

    def _together(self, n: int) -> Rows:
        """The residues with an `n`th one after them in the same piece."""
        return np.flatnonzero(self.pieces[: max(len(self.pieces) - n, 0)] == self.pieces[n:])

    def _blank(self) -> Floats:
        return np.full(len(self.ca_A), np.nan)

    def _distance(self, n: int) -> Floats:
        values, i = self._blank(), self._together(n)
        values[i] = np.linalg.norm(self.ca_A[i + n] - self.ca_A[i], axis=1)
        return values

    def _bend(self) -> Floats:
        """The angle at the second of three residues."""
        values, i = self._blank(), self._together(2)
        back, on = self.ca_A[i] - self.ca_A[i + 1], self.ca_A[i + 2] - self.ca_A[i + 1]
        lengths = np.linalg.norm(back, axis=1) * np.linalg.norm(on, axis=1)
        cosine = (back * on).sum(1) / np.maximum(lengths, 1e-9)
        values[i] = np.degrees(np.arccos(cosine.clip(-1, 1)))
        return values

    def _twist(self) -> Floats:
        """The dihedral angle of four residues."""
        values, i = self._blank(), self._together(3)
        one, two, three = (self.ca_A[i + k + 1] - self.ca_A[i + k] for k in range(3))
        left, right = np.cross(one, two), np.cross(two, three)
        along = (one * right).sum(1) * np.linalg.norm(two, axis=1)
        values[i] = np.degrees(np.arctan2(along, (left * right).sum(1)))
        return values


def _helices(shape: _Shape) -> Mask:
    by_distance = shape.is_like(3, _HELIX) & shape.is_like(4, _HELIX)
    by_angle = shape.is_like("bend", _HELIX) & shape.is_like("twist", _HELIX)
    may_be = _within(by_distance, 3) | _within(by_angle)
    core = _runs(may_be, shape.pieces, _HELIX_RESIDUES)
    return _grown(core, _within(shape.is_like(3, _HELIX) | shape.is_like("bend", _HELIX)), shape)


def _strands(shape: _Shape) -> Mask:
    by_distance = shape.is_like(2, _STRAND) & shape.is_like(3, _STRAND) & shape.is_like(4, _STRAND)
    by_angle = shape.is_like("bend", _STRAND) & shape.is_like("twist", _STRAND)
    may_be = _within(by_distance, 2) | _within(by_angle)
    core = _runs(may_be, shape.pieces, _LONE_STRAND_RESIDUES)
    core |= _with_partners(_runs(may_be, shape.pieces, _STRAND_RESIDUES) & ~core, shape)
    return _grown(core, _within(shape.is_like(3, _STRAND)), shape)


def _within(begins: Mask, residues: int = 1) -> Mask:
    """The first residues that lie within what begins at a residue.

    P-SEA names the second residue alone: next to hydrogen bonds, strands end too early by that.
    """
    inside = np.zeros_like(begins)
    for offset in range(1, residues + 1):
        inside[offset:] |= begins[:-offset]
    return inside


def _numbered(mask: Mask, pieces: Rows) -> Rows:
    """`(n,)` number of the run of True, within one piece, that each residue is in; -1 outside."""
    begins = mask.copy()
    begins[1:] &= ~mask[:-1] | (pieces[1:] != pieces[:-1])
    runs: Rows = np.where(mask, np.cumsum(begins) - 1, -1)
    return runs


def _runs(mask: Mask, pieces: Rows, least: int) -> Mask:
    """Only the runs of at least so many residues."""
    runs = _numbered(mask, pieces)
    if not mask.any():
        return mask.copy()
    return mask & (np.bincount(runs[mask])[runs] >= least)


def _with_partners(mask: Mask, shape: _Shape) -> Mask:
    """Only the runs with enough CA at the distance of a neighbouring strand."""
    if not mask.any():
        return mask
    runs = _numbered(mask, shape.pieces)
    finite = np.where(np.isfinite(shape.ca_A), shape.ca_A, 1e6)
    tree, at = cKDTree(finite), finite[mask]
    near, far = (tree.query_ball_point(at, d, return_length=True) for d in _PARTNERS_A)
    partners = np.bincount(runs[mask], weights=far - near)
    return mask & (partners[runs] >= _PARTNERS)


def _grown(mask: Mask, may_be: Mask, shape: _Shape) -> Mask:
    """Runs that are longer by one residue at either end, where that one is alike."""
    same = shape.pieces[1:] == shape.pieces[:-1]
    grown = mask.copy()
    grown[1:] |= mask[:-1] & same & may_be[1:]
    grown[:-1] |= mask[1:] & same & may_be[:-1]
    return grown
