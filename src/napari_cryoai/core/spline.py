"""Smooth curves through the residues of chains, and where the chains break."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

BREAK_A = 5.0
"""Residues that follow one another but lie farther apart are not joined."""
_PAD = 2


@dataclass(frozen=True, eq=False)
class Pieces:
    """Residues in pieces without a break, one piece after the other.

    Attributes
    ----------
    rows
        `(n,)` which residue each one is.
    piece
        `(n,)` number of its piece, counted from 0.
    """

    rows: Rows
    piece: Rows

    @property
    def first(self) -> NDArray[np.bool_]:
        """`(n,)` mask of the N-terminal ends."""
        return np.diff(self.piece, prepend=-1) != 0

    @property
    def last(self) -> NDArray[np.bool_]:
        """`(n,)` mask of the C-terminal ends."""
        return np.diff(self.piece, append=self.piece[-1:] + 1) != 0


def unbroken(
    ca_A: Floats, chains: Sequence[Rows] | None = None, break_A: float = BREAK_A
) -> Pieces:
    """Cut chains where successive residues lie too far apart.

    Parameters
    ----------
    ca_A
        `(n, 3)` positions; rows that are not finite are pieces of their own.
    chains
        The rows of each, in order; None: all rows are one chain.
    """
    parts = [np.arange(len(ca_A))] if chains is None else [np.asarray(c, np.intp) for c in chains]
    rows = np.concatenate([np.empty(0, np.intp), *parts])
    if not len(rows):
        return Pieces(rows, rows.copy())
    chain = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    with np.errstate(invalid="ignore"):
        joined = np.linalg.norm(np.diff(ca_A[rows], axis=0), axis=1) <= break_A
    joined &= np.diff(chain) == 0
    return Pieces(rows, np.concatenate([[0], np.cumsum(~joined)]))


class Curve:
    """A Catmull-Rom spline through the residues of each piece.

    Parameters
    ----------
    points
        `(n, 3)` where it passes, in the order of `pieces`.
    """

    def __init__(self, points: Floats, pieces: Pieces):
        self._slot = np.arange(len(points)) + _PAD * (2 * pieces.piece + 1)
        self._through = np.empty((len(points) + 2 * _PAD * (int(pieces.piece[-1]) + 1), 3))
        self._through[self._slot] = points
        first, last = self._slot[pieces.first], self._slot[pieces.last]
        for end, way in ((first, 1), (last, -1)):
            # A residue on its own gets a direction too, so that it can be seen.
            inward = self._through[end + way] - self._through[end]
            inward[first == last] = (way * 1.5, 0.0, 0.0)
            for step in range(1, _PAD + 1):
                self._through[end - way * step] = self._through[end] - step * inward

    def at(self, residue: Rows, offset: Floats) -> tuple[Floats, Floats]:
        """Places `(m, 3)` and directions `(m, 3)` at offsets of -1 to 1 from residues."""
        back = offset < 0
        start = self._slot[residue] - back
        t = (offset + back)[:, None]
        p0, p1, p2, p3 = (self._through[start + k] for k in (-1, 0, 1, 2))
        a, b, c = p2 - p0, 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * (p1 - p2) + p3 - p0
        place = p1 + 0.5 * t * (a + t * (b + t * c))
        way = 0.5 * a + t * (b + 1.5 * t * c)
        return place, unit(way)


def smoothed(values: Floats, pieces: Pieces) -> Floats:
    """Each residue's `(n, 3)` value with a quarter of each neighbour's; ends have one."""
    left, right = values.copy(), values.copy()
    inner = ~pieces.first
    left[inner] = values[np.flatnonzero(inner) - 1]
    inner = ~pieces.last
    right[inner] = values[np.flatnonzero(inner) + 1]
    return 0.25 * left + 0.5 * values + 0.25 * right


def unit(vectors: Floats) -> Floats:
    """`(n, 3)` vectors of length 1; those without a length stay 0."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return vectors / np.maximum(lengths, 1e-12)[:, None]
