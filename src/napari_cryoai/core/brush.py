"""Which of a million points lie under a brush stroke: exactly, and at once."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

_CELLS = 160
"""Of the grid, along each axis, at most."""
_AT_ONCE = 1 << 15
"""Points that fit into a processor's cache with what is computed of them."""


def near(
    xy: NDArray[np.floating],
    path: NDArray[np.floating],
    radius: float | tuple[float, float],
) -> Mask:
    """Which points lie within a radius of a path.

    Cells of a grid that lie under the stroke as a whole are decided at once; only points in cells
    at its border are tested one by one, against the pieces of the path that come near.

    Parameters
    ----------
    xy
        `(n, 2)`; points that are no numbers are not near.
    path
        `(m, 2)` points joined by straight lines; one point is a dot.
    radius
        Of the brush, in the units of the points; two where those of x and y differ on the screen.

    Returns
    -------
    near
        `(n,)` bool.
    """
    found = np.zeros(len(xy), np.bool_)
    radii = np.broadcast_to(np.asarray(radius, np.float64), 2)
    if not (radii > 0).all():
        return found
    line = np.asarray(path, np.float64).reshape(-1, 2) / radii
    line = line[np.isfinite(line).all(1)]
    if not len(line):
        return found
    pieces = list(pairwise(line)) or [(line[0], line[0])]
    # A hair around it, since the upper end of a grid does not belong to it.
    low, high = line.min(0) - 1.001, line.max(0) + 1.001
    grid = _Grid.of(pieces, low, high)
    for start in range(0, len(xy), _AT_ONCE):
        x, y = xy[start : start + _AT_ONCE].T / radii[:, None]
        rows = np.flatnonzero((x >= low[0]) & (x < high[0]) & (y >= low[1]) & (y < high[1]))
        found[start + rows] = grid.under(x[rows], y[rows])
    return found


@dataclass(frozen=True, eq=False)
class _Grid:
    """Cells over a stroke of radius 1.

    Attributes
    ----------
    low, step, shape
        Lower corner, size of a cell and number of cells, `(x, y)`.
    whole
        `(cells,)` whether a cell lies under the stroke as a whole.
    first, count, pieces
        Of each other cell the pieces of the path that come near: `pieces[first : first + count]`.
    start, end
        Of all pieces, `(m, 2)`.
    """

    low: Floats
    step: Floats
    shape: Rows
    whole: Mask
    first: Rows
    count: Rows
    pieces: Rows
    start: Floats
    end: Floats

    @classmethod
    def of(cls, pieces: list[tuple[Floats, Floats]], low: Floats, high: Floats) -> _Grid:
        """Over a path in pieces, in the box from `low` to `high`."""
        shape = np.clip(np.ceil((high - low) * 8), 1, _CELLS).astype(np.intp)
        step = (high - low) / shape
        # A hair more than half the diagonal, so that rounding cannot decide a cell wrongly.
        reach = 0.5 * float(np.hypot(*step)) * (1 + 1e-6)
        cell, piece, away = _touched(pieces, low, step, shape, 1 + reach)
        nearest = np.full(shape.prod(), np.inf)
        np.minimum.at(nearest, cell, away)
        whole = nearest <= 1 - reach
        # Farther pieces are the nearest of no point of the cell.
        useful = ~whole[cell] & (away <= nearest[cell] + 2 * reach)
        cell, piece = cell[useful], piece[useful]
        piece = piece[np.argsort(cell, kind="stable")]
        count = np.bincount(cell, minlength=whole.size)
        start, end = (np.array([ends[k] for ends in pieces]) for k in (0, 1))
        return cls(low, step, shape, whole, count.cumsum() - count, count, piece, start, end)

    def under(self, x: Floats, y: Floats) -> Mask:
        """Which points `(n,)` of the box lie under the stroke."""
        column, row = (
            np.minimum(((v - self.low[k]) / self.step[k]).astype(np.intp), self.shape[k] - 1)
            for k, v in enumerate((x, y))
        )
        cell = row * self.shape[0] + column
        found = self.whole[cell]
        near = self.count[cell]
        rows, tested = np.flatnonzero(near), 0
        while len(rows):
            piece = self.pieces[self.first[cell[rows]] + tested]
            ends = self.start[piece].T, self.end[piece].T
            under = _squared(x[rows], y[rows], *ends) <= 1
            found[rows] = under
            tested += 1
            rows = rows[~under & (near[rows] > tested)]
        return found


def _touched(
    pieces: list[tuple[Floats, Floats]], low: Floats, step: Floats, shape: Rows, reach: float
) -> tuple[Rows, Rows, Floats]:
    """All pairs of a cell and a piece within reach of its centre, and how far it is; `(k,)`."""
    x, y = (low[k] + (np.arange(shape[k]) + 0.5) * step[k] for k in (0, 1))
    found = []
    for i, (a, b) in enumerate(pieces):
        begin = np.floor((np.minimum(a, b) - reach - low) / step).astype(np.intp)
        end = np.ceil((np.maximum(a, b) + reach - low) / step).astype(np.intp)
        columns, rows = (slice(max(begin[k], 0), end[k]) for k in (0, 1))
        away = np.sqrt(_squared(x[None, columns], y[rows, None], a, b))
        row, column = np.nonzero(away <= reach)
        cell = (row + rows.start) * shape[0] + column + columns.start
        found.append((cell, np.full(len(row), i), away[row, column]))
    cells, which, distances = (np.concatenate(part) for part in zip(*found, strict=True))
    return cells, which, distances


def _squared(x: Floats, y: Floats, a: Floats, b: Floats) -> Floats:
    """Squared distance of points from pieces that go from `a` to `b`."""
    (ax, ay), (bx, by) = a, b
    dx, dy = bx - ax, by - ay
    length = np.maximum(dx * dx + dy * dy, np.finfo(np.float64).tiny)
    t = np.clip(((x - ax) * dx + (y - ay) * dy) / length, 0, 1)
    return (x - ax - t * dx) ** 2 + (y - ay - t * dy) ** 2
