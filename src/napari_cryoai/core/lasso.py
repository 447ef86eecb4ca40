"""Which of a million points lie inside a drawn line: exactly, and at once.

The plane is cut into slabs at the height of every corner, so that within a slab the line is a
bundle of straight edges that go through it from below to above. A slab is cut into cells. Of a cell
that no edge enters all points are inside or all are outside; the points of the others are tested
one by one, against the edges that enter. Nothing is rounded: the result is that of testing every
point against every edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Mask = NDArray[np.bool_]

_COLUMNS = 512
"""Cells of a slab."""
_SLABS = 256
"""There are at least so many: also of a triangle a cell shall be small."""
_BINS = 1 << 14
"""Of equal height, to find the slab of a point by."""
_FLAT = 1e-200
_AT_ONCE = 1 << 15
"""Points that fit into a processor's cache with what is computed of them."""


def inside(xy: NDArray[np.floating], polygon: NDArray[np.floating]) -> Mask:
    """Which points lie inside a closed line, by the even-odd rule.

    A point is inside if a ray from it towards +x crosses the line an odd number of times. Where
    the line crosses itself, what it goes round twice is outside.

    Parameters
    ----------
    xy
        `(n, 2)`; points that are no numbers are outside.
    polygon
        `(m, 2)` corners; the last is joined to the first. Fewer than three hold nothing.

    Returns
    -------
    inside
        `(n,)` bool.
    """
    found = np.zeros(len(xy), np.bool_)
    corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    low, high = corners.min(0, initial=np.inf), corners.max(0, initial=-np.inf)
    size = high - low
    # Not so flat, either, that steps from cell to cell vanish, nor a corner that is no number.
    if len(corners) < 3 or not ((size > _FLAT) & (size < 1 / _FLAT)).all():
        return found
    # Where an edge is at some height is rounded, and may lie beyond the corners by that.
    rounding = 8 * np.finfo(np.float64).eps * np.abs(corners[:, 0]).max()
    low[0], high[0] = low[0] - rounding, high[0] + rounding
    edges = _Edges.of(corners)
    cells = _Cells.of(edges, low, high)
    for start in range(0, len(xy), _AT_ONCE):
        x, y = xy[start : start + _AT_ONCE].T.astype(np.float64)
        rows = np.flatnonzero((x >= low[0]) & (x < high[0]) & (y >= low[1]) & (y < high[1]))
        found[start + rows] = cells.inside(edges, x[rows], y[rows])
    return found


@dataclass(frozen=True, eq=False)
class _Edges:
    """The edges that are not level: a ray towards +x crosses no others. `(m,)` each.

    Attributes
    ----------
    bottom, top
        Heights of the ends; the bottom belongs to the edge, the top does not.
    """

    x: Floats
    y: Floats
    slope: Floats
    bottom: Floats
    top: Floats

    @classmethod
    def of(cls, corners: Floats) -> _Edges:
        """Of a closed line through `(m, 2)` corners."""
        following = np.roll(corners, -1, 0)
        steep = corners[:, 1] != following[:, 1]
        (ax, ay), (bx, by) = corners[steep].T, following[steep].T
        return cls(ax, ay, (bx - ax) / (by - ay), np.minimum(ay, by), np.maximum(ay, by))

    def at(self, edge: Rows, y: Floats) -> Floats:
        """x of edges at heights; it only ever grows with the height, or only ever falls."""
        return self.x[edge] + (y - self.y[edge]) * self.slope[edge]


@dataclass(frozen=True, eq=False)
class _Cells:
    """The plane in slabs, and these in columns.

    Attributes
    ----------
    heights
        `(slabs + 1,)` where slabs end.
    left, scale
        Of the columns.
    below
        Of each bin: how many slabs begin below it.
    odd
        Of each cell: whether an odd number of edges pass on its right.
    first, count, edges
        Of each cell the edges that enter it: `edges[first : first + count]`.
    """

    heights: Floats
    left: float
    scale: float
    below: Rows
    odd: Mask
    first: Rows
    count: Rows
    edges: Rows

    @classmethod
    def of(cls, edges: _Edges, low: Floats, high: Floats) -> _Cells:
        """Of a closed line in the box from `low` to `high`, `(x, y)`."""
        even = np.linspace(low[1], high[1], _SLABS + 1)
        heights = np.unique(np.concatenate([even, edges.bottom, edges.top]))
        left, scale = float(low[0]), float(_COLUMNS / (high[0] - low[0]))
        begin, end = (np.searchsorted(heights, y) for y in (edges.bottom, edges.top))
        edge, slab = _runs(begin, end - begin)
        ends = [_column(edges.at(edge, heights[slab + k]), left, scale) for k in (0, 1)]
        nearest, farthest = np.minimum(*ends), np.maximum(*ends)
        size = (len(heights) - 1) * _COLUMNS
        # An edge passes on the right of every cell of its slab before its nearest.
        reached = np.bincount(slab * _COLUMNS + nearest, minlength=size).reshape(-1, _COLUMNS)
        odd = (reached.sum(1, keepdims=True) - reached.cumsum(1)) % 2 == 1
        which, cell = _runs(slab * _COLUMNS + nearest, farthest - nearest + 1)
        count = np.bincount(cell, minlength=size)
        by_cell = edge[which[np.argsort(cell, kind="stable")]]
        below = np.searchsorted(_bin(heights, heights), np.arange(_BINS + 1))
        first = count.cumsum() - count
        return cls(heights, left, scale, below, odd.ravel(), first, count, by_cell)

    def inside(self, edges: _Edges, x: Floats, y: Floats) -> Mask:
        """Which points `(n,)` of the box are inside."""
        cell = self._slab(y) * _COLUMNS + _column(x, self.left, self.scale)
        odd = self.odd[cell]
        entered = self.count[cell]
        rows, tested = np.flatnonzero(entered), 0
        while len(rows):
            edge = self.edges[self.first[cell[rows]] + tested]
            odd[rows] ^= x[rows] < edges.at(edge, y[rows])
            tested += 1
            rows = rows[entered[rows] > tested]
        return odd

    def _slab(self, y: Floats) -> Rows:
        """What a binary search would find too, in five times the time."""
        slab = self.below[_bin(y, self.heights)]
        rows = np.flatnonzero(self.heights[slab] <= y)
        while len(rows):
            slab[rows] += 1
            rows = rows[self.heights[slab[rows]] <= y[rows]]
        return slab - 1


def _bin(y: Floats, heights: Floats) -> Rows:
    """Which of the bins each height lies in."""
    return ((y - heights[0]) * (_BINS / (heights[-1] - heights[0]))).astype(np.intp)


def _column(x: Floats, left: float, scale: float) -> Rows:
    """Which column each x lies in."""
    return np.clip(((x - left) * scale).astype(np.intp), 0, _COLUMNS - 1)


def _runs(first: Rows, count: Rows) -> tuple[Rows, Rows]:
    """Of runs of numbers all of them: which run each is of, and the number."""
    run = np.repeat(np.arange(len(first)), count)
    return run, np.arange(len(run)) - np.repeat(count.cumsum() - count, count) + first[run]
