"""Hills of a density that is known at the nodes of a graph: what belongs to which summit.

A summit counts if it stands out from the highest pass that leads to a higher one (persistence;
Chazal, Guibas, Oudot and Skraba 2013, J. ACM 60, 41). The nodes are particles with their
neighbours, or cells of a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Basins:
    """Which hill each node belongs to.

    Attributes
    ----------
    labels
        `(n,)` number of the hill, the highest first, counted from 0.
    summits
        `(k,)` the node on top of each.
    """

    labels: Rows
    summits: Rows


def basins(height: Floats, edges: Rows, prominence: float) -> Basins:
    """Divide nodes among the summits.

    Parameters
    ----------
    height
        `(n,)` for example the log density.
    edges
        `(m, 2)` pairs of neighbours.
    prominence
        A summit less high than this above the pass to a higher one belongs to that.
    """
    order = np.lexsort((-np.arange(len(height)), height))
    rank = np.empty(len(height), np.intp)
    rank[order] = np.arange(len(height))  # ties are broken, so that there is one way up
    up = _steepest(rank, edges)
    top = _ends(up)
    into = _merged(height, rank, top, edges, prominence)
    root = into[top]
    summits = np.unique(root)
    summits = summits[np.argsort(-rank[summits])]
    number = np.empty(len(height), np.intp)
    number[summits] = np.arange(len(summits))
    return Basins(number[root], summits)


def _steepest(rank: Rows, edges: Rows) -> Rows:
    """`(n,)` the highest neighbour of each node, or itself if none is higher."""
    highest = rank.copy()
    for here, there in ((0, 1), (1, 0)):
        np.maximum.at(highest, edges[:, here], rank[edges[:, there]])
    node = np.empty_like(rank)
    node[rank] = np.arange(len(rank))
    return node[highest]


def _ends(up: Rows) -> Rows:
    """`(n,)` where every way up ends."""
    while not np.array_equal(further := up[up], up):
        up = further
    return up


def _merged(height: Floats, rank: Rows, top: Rows, edges: Rows, prominence: float) -> Rows:
    """`(n,)` of each summit the one that it belongs to."""
    into = np.arange(len(height))

    def root(node: int) -> int:
        while into[node] != node:
            into[node] = into[into[node]]
            node = int(into[node])
        return node

    for a, b, pass_height in _passes(height, top, edges):
        one, other = root(a), root(b)
        if one == other:
            continue
        low, high = (one, other) if rank[one] < rank[other] else (other, one)
        if height[low] - pass_height < prominence:
            into[low] = high
    return _ends(into)


def _passes(height: Floats, top: Rows, edges: Rows) -> list[tuple[int, int, float]]:
    """The highest pass between every two summits that have one: the two, and its height."""
    ends = np.sort(top[edges], 1)
    between = ends[:, 0] != ends[:, 1]
    ends, heights = ends[between], height[edges[between]].min(1)
    order = np.argsort(-heights, kind="stable")
    ends, heights = ends[order], heights[order]
    _, first = np.unique(ends, axis=0, return_index=True)
    first.sort()  # from the highest pass down
    pairs = ends[first].tolist()
    return [(a, b, h) for (a, b), h in zip(pairs, heights[first].tolist(), strict=True)]
