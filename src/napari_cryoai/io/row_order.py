"""Two tables of the same particles, row by row: are they in the same order?

A pose that belongs to another particle is a good pose, so nothing fails: the map is noise.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.errors import CryoAIError

_SAME = 0.95
"""Of the rows, so many found elsewhere make it another order and not another refinement."""


def check_order(
    own: ArrayLike, given: ArrayLike, tolerance: float, what: str, path: Path, particles: Path
) -> None:
    """Refuse values that are those of the particles, but in another order.

    Values that differ altogether, as after another refinement, are no reason to complain.

    Parameters
    ----------
    own
        `(n, ...)`, what the file of particles says.
    given
        `(n, ...)`, what another file says of the same rows.
    tolerance
        Differences that come of rounding.
    what
        Name of the values, for the message.
    path, particles
        The other file, and that of the particles.

    Raises
    ------
    CryoAIError
        Naming the first row that is in another place.
    """
    mine, theirs = _flat(own), _flat(given)
    if not len(mine):
        return
    moved = np.asarray((np.abs(mine - theirs) > tolerance).any(1))
    if moved.mean() < 1 - _SAME:
        return
    keys, places = _keys(mine, tolerance), _keys(theirs, tolerance)
    elsewhere = moved & np.isin(places, keys)
    if elsewhere.sum() < _SAME * moved.sum() or len(np.unique(keys)) < 2:
        return
    row = int(np.argmax(elsewhere))
    right = int(np.argmax(keys == places[row]))
    raise CryoAIError(
        f"has the {what} of '{particles.name}' in another order: row {row + 1} is that of particle "
        f"{right + 1} ({int(moved.sum()):,} of {len(moved):,} rows differ)",
        path=path,
        remedy="One of the files has been sorted: make this one again from the particles as they "
        "are now",
    )


def _flat(values: ArrayLike) -> NDArray[np.float64]:
    """`(n, k)`."""
    array = np.asarray(values, np.float64)
    return array.reshape(len(array), math.prod(array.shape[1:]))


def _keys(values: NDArray[np.float64], tolerance: float) -> NDArray[Any]:
    """`(n,)`, the same for rows that are the same but for rounding (nearly always)."""
    cells = np.ascontiguousarray(np.round(values / (10 * tolerance)).astype(np.int64))
    return cells.view(np.dtype((np.void, cells.itemsize * cells.shape[1]))).reshape(-1)
