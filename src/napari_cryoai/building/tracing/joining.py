"""Pairs taken one after the other, the best first, as long as no ring comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


def ring_free(pairs: Rows, n: int, may: Callable[[int, int], bool]) -> Iterator[tuple[int, int]]:
    """Those of `pairs` `(k, 2)` of `n` things that join what is not joined yet, in their order.

    Parameters
    ----------
    may
        Whether two may be joined; asked when all pairs before have been dealt with.
    """
    group = np.arange(n)
    for one, other in pairs.tolist():
        if group[one] != group[other] and may(one, other):
            yield one, other
            group[group == group[other]] = group[one]


def paths(pairs: Rows, n: int) -> list[Rows]:
    """Rows in a row: each has one after it and one before, the first that come.

    Parameters
    ----------
    pairs
        `(k, 2)` of which the second may follow the first.
    """
    after, before = np.full(n, -1), np.full(n, -1)
    for one, other in ring_free(pairs, n, lambda one, other: after[one] < 0 and before[other] < 0):
        after[one], before[other] = other, one
    return [_followed(after, start) for start in np.flatnonzero(before < 0).tolist()]


def _followed(after: Rows, start: int) -> Rows:
    path = [start]
    while after[path[-1]] >= 0:
        path.append(int(after[path[-1]]))
    return np.array(path, np.intp)
