"""Non-maximum suppression: of picks that crowd each other, the best stays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def thin(
    yx: NDArray[np.floating], score: NDArray[np.floating], distance: float
) -> NDArray[np.bool_]:
    """Greedy non-maximum suppression, best score first; a NaN score outranks every number.

    A pick survives unless a better survivor lies closer than `distance`. Whether it survives does
    not depend on any pick that scores less, so the result holds for every score threshold.

    Parameters
    ----------
    yx
        `(n, 2)` positions.
    score
        `(n,)`; of equal scores the earlier row wins.
    distance
        In the unit of `yx`.

    Returns
    -------
    survives
        `(n,)` bool.
    """
    n = len(yx)
    alive = np.ones(n, np.bool_)
    if n < 2 or distance <= 0:
        return alive
    from scipy.spatial import cKDTree  # slow to import: only who has something to thin pays

    pairs = cKDTree(yx).query_pairs(np.nextafter(distance, 0), output_type="ndarray")
    rank = np.empty(n, np.intp)
    rank[np.lexsort((np.arange(n), -np.where(np.isnan(score), np.inf, score)))] = np.arange(n)
    better = np.where(rank[pairs[:, 0]] < rank[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
    worse = pairs.sum(1) - better
    # Rounds of: a pick that no undecided better neighbour contests survives, and ends its own
    # worse neighbours. Few rounds suffice, since chains of ever better neighbours are short.
    while len(better):
        contested = np.zeros(n, np.bool_)
        contested[worse] = True
        winner = ~contested[better]
        alive[worse[winner]] = False
        open_ = alive[worse] & alive[better] & ~winner
        better, worse = better[open_], worse[open_]
    return alive
