"""Ribbons: a model's backbone as a mesh, with helices, strands and coil."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.spline import BREAK_A, Curve, Pieces, smoothed, unbroken, unit

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

HALF_WIDTH_A = {"H": 1.6, "E": 1.3, "C": 0.35}
HALF_THICKNESS_A = 0.35
_ARROW = 1.8
_ARROW_RESIDUES = 1.5
_SIDES = 8
_END = 0.6
"""How far beyond its last residue a piece reaches, as a part of half a residue."""
_MANY = 1200
"""Residues of which fewer places along the chain are drawn, so that the window keeps up."""


@dataclass(frozen=True, eq=False)
class Ribbon:
    """Triangles, and the residue that each corner belongs to.

    Attributes
    ----------
    vertices
        `(m, 3)` float32 in space, z, y, x, in A.
    faces
        `(k, 3)` int32.
    residue
        `(m,)` row of the residue of each vertex.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    residue: NDArray[np.int32]


def ribbon(
    ca_A: Floats,
    o_A: Floats | None,
    secondary: NDArray[np.str_],
    chains: Sequence[Rows] | None = None,
    *,
    break_A: float = BREAK_A,
) -> Ribbon:
    """A smooth ribbon through CA (after Carson and Bugg 1986, J. Mol. Graph. 4, 121).

    Parameters
    ----------
    ca_A
        `(n, 3)` positions (x, y, z).
    o_A
        `(n, 3)` of the carbonyl O, which the flat side follows; NaN where it is not known, and
        None if none is: the bend of the chain then tells.
    secondary
        `(n,)` "H", "E" or "C".
    chains
        The rows of each chain or fragment, in order; None: all are one.
    break_A
        Residues farther apart are not joined.
    """
    ca_A = np.asarray(ca_A, np.float64).reshape(-1, 3)
    chains = [np.arange(len(ca_A))] if chains is None else chains
    placed = np.isfinite(ca_A.sum(1))
    pieces = unbroken(ca_A, [rows[placed[rows]] for rows in chains], break_A)
    if not len(pieces.rows):
        none = np.empty((0, 3), np.float32)
        return Ribbon(none, np.empty((0, 3), np.int32), np.empty(0, np.int32))
    kind = secondary[pieces.rows]
    through = _through(ca_A[pieces.rows], kind, pieces)
    side = _sides(ca_A[pieces.rows], None if o_A is None else o_A[pieces.rows], pieces)
    samples = _samples(kind, pieces)
    vertices = _rings(Curve(through, pieces), side, samples, pieces)
    residue = pieces.rows[samples.residue]
    return _mesh(vertices, residue, pieces.piece[samples.residue])


def _through(ca_A: Floats, kind: NDArray[np.str_], pieces: Pieces) -> Floats:
    """Where the ribbon passes: CA; in strands, which zigzag, their mean."""
    through = ca_A
    for _ in range(2):
        flat = smoothed(through, pieces)
        inside = (kind == "E") & ~pieces.first & ~pieces.last
        through = np.where(inside[:, None], flat, through)
    return through


def _sides(ca_A: Floats, o_A: Floats | None, pieces: Pieces) -> Floats:
    """`(n, 3)` directions in the plane of the ribbon, across it."""
    along, bend = _along_and_bend(ca_A, pieces)
    side = np.cross(along, bend)
    if o_A is not None:
        to_o = o_A - ca_A
        side = np.where(np.isfinite(to_o), to_o, side)
    side = _across(side, along)
    side = side * _turned(side, pieces)[:, None]
    return unit(smoothed(smoothed(side, pieces), pieces))


def _along_and_bend(ca_A: Floats, pieces: Pieces) -> tuple[Floats, Floats]:
    """Direction of the chain at each residue, and where it bends away from."""
    before, after = np.arange(len(ca_A)), np.arange(len(ca_A))
    before[~pieces.first] -= 1
    after[~pieces.last] += 1
    along = unit(ca_A[after] - ca_A[before])
    bend = 2 * ca_A - ca_A[before] - ca_A[after]
    # At an end, the neighbour knows where the chain bends.
    bend[pieces.first] = bend[after[pieces.first]]
    bend[pieces.last] = bend[before[pieces.last]]
    return along, bend


def _across(side: Floats, along: Floats) -> Floats:
    """What of `side` is at right angles to the chain; any such direction where nothing is."""
    side = unit(side - np.einsum("ij,ij->i", side, along)[:, None] * along)
    lost = np.einsum("ij,ij->i", side, side) < 0.5
    if lost.any():
        axis = np.eye(3)[np.abs(along[lost]).argmin(1)]
        side[lost] = unit(np.cross(along[lost], axis))
    return side


def _turned(side: Floats, pieces: Pieces) -> Floats:
    """1 or -1 for each residue: by turning some, no ribbon is twisted by more than a right angle.

    Peptide planes of a strand point to one side and the other in turn.
    """
    same = np.einsum("ij,ij->i", side[1:], side[:-1]) >= 0
    sign = np.concatenate([[1.0], np.where(same, 1.0, -1.0)])
    sign[pieces.first] = 1.0
    product = np.cumprod(sign)
    start = product[pieces.first][pieces.piece]
    return np.asarray(product * start)


@dataclass(frozen=True, eq=False)
class _Samples:
    """Places along the chains: a residue, the offset from it, and how wide the ribbon is there."""

    residue: Rows
    offset: Floats
    half_width_A: Floats


def _samples(kind: NDArray[np.str_], pieces: Pieces) -> _Samples:
    n = len(kind)
    per_residue = 8 if n <= _MANY else 5
    step = (np.arange(per_residue) + 0.5) / per_residue - 0.5
    offset = np.tile(step, (n, 1))
    offset[pieces.first] = np.where(step < 0, step * _END, step)
    offset[pieces.last] = np.where(offset[pieces.last] > 0, step * _END, offset[pieces.last])
    residue = np.repeat(np.arange(n), per_residue)
    heads = _heads(kind, pieces)
    place = residue + offset.ravel()
    width = _half_widths(kind, pieces, residue, offset.ravel(), heads)
    # An arrow head begins with a step: two rings at one place, the narrow one first.
    jump = heads[:, 1] + 0.5 - _ARROW_RESIDUES
    twice = np.repeat(np.round(jump).astype(np.intp), 2)
    residue = np.concatenate([residue, twice])
    offsets = np.concatenate([offset.ravel(), np.repeat(jump, 2) - twice])
    strand = HALF_WIDTH_A["E"]
    width = np.concatenate([width, np.tile([strand, strand * _ARROW], len(heads))])
    order = np.argsort(np.concatenate([place, np.repeat(jump, 2)]), kind="stable")
    return _Samples(residue[order], offsets[order], width[order])


def _heads(kind: NDArray[np.str_], pieces: Pieces) -> NDArray[np.intp]:
    """`(h, 2)` first and last residue of the strands that are long enough for an arrow head."""
    strand = kind == "E"
    first = strand & (pieces.first | np.concatenate([[True], ~strand[:-1]]))
    last = strand & (pieces.last | np.concatenate([~strand[1:], [True]]))
    runs = np.stack([np.flatnonzero(first), np.flatnonzero(last)], axis=1)
    return runs[runs[:, 1] - runs[:, 0] >= 2]


def _half_widths(
    kind: NDArray[np.str_],
    pieces: Pieces,
    residue: Rows,
    offset: Floats,
    heads: NDArray[np.intp],
) -> Floats:
    """Half the width at each place: a smooth way from one kind to the next, and arrow heads."""
    own = np.select([kind == "H", kind == "E"], [HALF_WIDTH_A["H"], HALF_WIDTH_A["E"]], 0.0)
    own = np.where(own > 0, own, HALF_WIDTH_A["C"])
    ends = np.where(offset < 0, pieces.first[residue], pieces.last[residue])
    other = np.where(ends, residue, residue + np.where(offset < 0, -1, 1))
    share = np.clip(2 * np.abs(offset) - 0.5, 0.0, 0.5)
    tip = np.zeros(len(kind), np.bool_)
    tip[heads[:, 1]] = True
    # Beyond the tip of an arrow the ribbon is as thin as the tip.
    start = np.where((offset < 0) & tip[other], HALF_WIDTH_A["C"], own[other])
    width = own[residue] * (1 - share) + start * share
    place = residue + offset
    for _, last in heads:
        inside = slice(*np.searchsorted(place, [last + 0.5 - _ARROW_RESIDUES, last + 0.5]))
        part = (last + 0.5 - place[inside]) / _ARROW_RESIDUES
        thin = HALF_WIDTH_A["C"]
        width[inside] = thin + (HALF_WIDTH_A["E"] * _ARROW - thin) * part
    return width


def _rings(curve: Curve, side: Floats, samples: _Samples, pieces: Pieces) -> Floats:
    """`(m, sides, 3)` outlines of the ribbon at the samples."""
    place, along = curve.at(samples.residue, samples.offset)
    across = _across(_between(side, samples, pieces), along)
    up = np.cross(along, across)
    angle = 2 * np.pi * np.arange(_SIDES) / _SIDES
    wide = samples.half_width_A[:, None, None] * np.cos(angle)[:, None] * across[:, None]
    thick = HALF_THICKNESS_A * np.sin(angle)[:, None] * up[:, None]
    return np.asarray(place[:, None] + wide + thick)


def _between(side: Floats, samples: _Samples, pieces: Pieces) -> Floats:
    """The directions across, between those of two residues."""
    residue, offset = samples.residue, samples.offset
    ends = np.where(offset < 0, pieces.first[residue], pieces.last[residue])
    other = np.where(ends, residue, residue + np.where(offset < 0, -1, 1))
    share = np.abs(offset)[:, None]
    return side[residue] * (1 - share) + side[other] * share


def _mesh(rings: Floats, residue: Rows, piece: Rows) -> Ribbon:
    """Triangles between successive outlines of a piece, and lids on its ends."""
    sides = rings.shape[1]
    vertices = rings[..., ::-1].reshape(-1, 3).astype(np.float32)
    corner = np.arange(sides)
    here = np.flatnonzero(piece[1:] == piece[:-1])[:, None] * sides
    a, b = here + corner, here + np.roll(corner, -1)
    walls = np.stack([a, b, a + sides, b, b + sides, a + sides], axis=-1).reshape(-1, 3)
    fan = np.stack([np.zeros(sides - 2, int), corner[1:-1], corner[2:]], axis=1)
    first = np.flatnonzero(np.diff(piece, prepend=-1))[:, None, None] * sides
    last = np.flatnonzero(np.diff(piece, append=piece[-1] + 1))[:, None, None] * sides
    lids = np.concatenate([(first + fan[:, ::-1]).reshape(-1, 3), (last + fan).reshape(-1, 3)])
    faces = np.concatenate([walls, lids]).astype(np.int32)
    return Ribbon(vertices, faces, np.repeat(residue, sides).astype(np.int32))
