"""Pictures of a million points: how many lie in each cell of a view, and what they are on average.

Every point counts; none is left out for speed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Range = tuple[float, float]

NONE = -1
"""The label of a cell without points."""
_AT_ONCE = 1 << 14
"""Points that fit into a processor's cache with what is computed of them."""


@dataclass(frozen=True, eq=False)
class Cells:
    """Where points lie in a view; found once, and used for every colouring of that view.

    Row 0 is at the lower end of `y_range`: a picture whose y goes up is drawn upside down. Both
    ends belong to a range. Points outside the view, and those that are no numbers, count nowhere.

    Attributes
    ----------
    xy
        `(n, 2)` float32.
    x_range, y_range
        Lower and upper end of the view, in the units of the points.
    shape
        `(height, width)` in cells.
    """

    xy: Floats
    x_range: Range
    y_range: Range
    shape: tuple[int, int]

    def __post_init__(self) -> None:
        for low, high in (self.x_range, self.y_range):
            if not (np.isfinite(low) and np.isfinite(high) and low < high):
                raise ValueError(f"no view reaches from {low} to {high}")
        if min(self.shape) < 1:
            raise ValueError(f"no view has {self.shape} cells")

    @cached_property
    def index(self) -> NDArray[np.int64]:
        """`(n,)` cell of each point, in a grid with a border of one cell for those outside."""
        h, w = self.shape
        index = np.empty(len(self.xy), np.int64)
        for start in range(0, len(index), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            row = _steps(self.xy[part, 1], self.y_range, h)
            row *= w + 2
            row += _steps(self.xy[part, 0], self.x_range, w)
            index[part] = row
        return index

    def density(self, shown: Mask | None = None) -> Floats:
        """`(height, width)` float32: how many points lie in each cell.

        Parameters
        ----------
        shown
            `(n,)` mask of the points that count; None: all.
        """
        return self._picture(self._sums(shown))

    def mean(self, values: NDArray[Any], shown: Mask | None = None) -> Floats:
        """`(height, width)` float32: mean of `(n,)` values; NaN where no point has a value."""
        known = np.isfinite(values)
        if not known.all():
            shown = known if shown is None else known & shown
            values = np.where(known, values, 0)
        sums = self._sums(values if shown is None else np.where(shown, values, 0))
        with np.errstate(invalid="ignore"):
            return self._picture(sums / self._sums(shown))

    def majority(self, labels: NDArray[np.integer], shown: Mask | None = None) -> NDArray[np.int32]:
        """`(height, width)` int32: the commonest of `(n,)` labels, `NONE` where no point is.

        Labels count from 0; points with a negative one have none. Of equals the smaller wins.
        """
        labelled = labels >= 0
        shown = labelled if shown is None else labelled & shown
        at, label = self.index[shown], labels[shown].astype(np.int64)
        count = int(label.max(initial=0)) + 1
        occupied = self._sums(shown) > 0
        rank = np.cumsum(occupied) - 1
        votes = np.bincount(rank[at] * count + label, minlength=int(occupied.sum()) * count)
        picture = np.full(len(occupied), NONE, np.int32)
        picture[occupied] = votes.reshape(-1, count).argmax(1)
        return self._inner(picture)

    def _sums(self, weights: NDArray[Any] | None) -> NDArray[Any]:
        """Of the weights in each cell of the grid with its border."""
        h, w = self.shape
        return np.bincount(self.index, weights, (h + 2) * (w + 2))

    def _picture(self, cells: NDArray[Any]) -> Floats:
        return self._inner(cells).astype(np.float32)

    def _inner(self, cells: NDArray[Any]) -> NDArray[Any]:
        h, w = self.shape
        return cells.reshape(h + 2, w + 2)[1:-1, 1:-1]


def density(
    xy: Floats,
    x_range: Range,
    y_range: Range,
    shape: tuple[int, int],
    *,
    shown: Mask | None = None,
) -> Floats:
    """How many points lie in each cell of a view; see `Cells`."""
    return Cells(xy, x_range, y_range, shape).density(shown)


def mean_in_cells(
    xy: Floats,
    values: NDArray[Any],
    x_range: Range,
    y_range: Range,
    shape: tuple[int, int],
    *,
    shown: Mask | None = None,
) -> Floats:
    """Mean of a column in each cell of a view, NaN where there is none; see `Cells`."""
    return Cells(xy, x_range, y_range, shape).mean(values, shown)


def majority_in_cells(
    xy: Floats,
    labels: NDArray[np.integer],
    x_range: Range,
    y_range: Range,
    shape: tuple[int, int],
    *,
    shown: Mask | None = None,
) -> NDArray[np.int32]:
    """Commonest label in each cell of a view, `NONE` where there is none; see `Cells`."""
    return Cells(xy, x_range, y_range, shape).majority(labels, shown)


def extent(values: NDArray[np.floating], margin: float = 0.03) -> Range:
    """A range that shows all `(n,)` values that are numbers, with a margin at both ends."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    # All values in one place still need a view around it.
    space = margin * (high - low) or max(1e-3 * abs(low), 1e-6)
    return low - space, high + space


def _steps(values: Floats, ends: Range, count: int) -> NDArray[np.int64]:
    """Cells counted from 1; 0 and `count` + 1 are outside."""
    low, high = ends
    place = values.astype(np.float64)
    at_end = place <= high
    place -= low
    place *= count / (high - low)
    place += 1
    at_end &= place >= count + 1
    place[at_end] = count
    np.fmax(place, 0, out=place)  # of a NaN, too: `fmax` takes the number
    np.fmin(place, count + 1, out=place)
    return place.astype(np.int64)
