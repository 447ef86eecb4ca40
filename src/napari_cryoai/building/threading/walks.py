"""Sums over all ways in which sequences can run through the residues of a trace.

A hidden Markov model whose time is the place in the sequence. At each place the chain is at a state
of the `ChainGraph` (match), or at none (null). Residues that the trace lacks are steps that skip
places (delete); false residues are rows that are stepped over (insert).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from napari_cryoai.building.threading.chain_graph import MAX_SKIPPED, ChainGraph

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

FIND = 0.03
"""Probability that a chain that is at no residue of the trace is at one in the next place."""

_LAG = MAX_SKIPPED + 1
_BIG = 1e60


@dataclass(frozen=True, eq=False)
class Seen:
    """The odds that the residue at a place is that of a state, against the background.

    Attributes
    ----------
    odds
        `(states,)`, or of the only states that the place may be at.
    only
        Those states; all, if None.
    """

    odds: Floats
    only: Ints | None = None


def occupancy(graph: ChainGraph, seen: list[Seen]) -> Floats:
    """Share of all walks, by their odds, that are at a state at a place: forward-backward.

    Parameters
    ----------
    seen
        One for each place of the sequences.

    Returns
    -------
    `(places, states)`, each row with a sum of at most 1.
    """
    at, unit, log_all = _forward(graph, seen)
    return _times_backward(graph, seen, at, unit, log_all)


def _forward(graph: ChainGraph, seen: list[Seen]) -> tuple[Floats, Floats, float]:
    """Odds of all walks up to each state, `_LAG` rows late, and the logarithms of their units."""
    places = len(seen)
    into, found, stay = graph.steps, graph.enter * FIND, 1 - FIND
    at, unit = np.zeros((places + _LAG, len(graph))), np.zeros(places + _LAG)
    lost, log_unit = 1.0, 0.0
    for j, here in enumerate(seen, _LAG):
        window = at[j - _LAG : j].reshape(-1)
        if here.only is None:
            now = into @ window
            now += lost * found
            now *= here.odds
            at[j] = now
        else:
            now = (_rows(into, window, here.only) + lost * found[here.only]) * here.odds
            at[j, here.only] = now
        lost = stay * lost + float(graph.leave @ at[j - 1])
        unit[j] = log_unit
        top = max(lost, now.max(initial=0.0))
        if not 1 / _BIG < top < _BIG:
            at[j - _LAG + 1 : j + 1] /= top
            lost /= top
            log_unit += math.log(top)
            unit[j - _LAG + 1 : j + 1] = log_unit
    lost = stay * lost + float(graph.leave @ at[-1])
    return at, unit, math.log(lost) + log_unit


def _times_backward(
    graph: ChainGraph, seen: list[Seen], at: Floats, unit: Floats, log_all: float
) -> Floats:
    """Turn the odds of the walks up to each state into the share of all walks that pass it."""
    out_of, found, stay = graph.reversed_steps(), graph.enter * FIND, 1 - FIND
    ahead = np.zeros_like(at)
    lost, log_unit = 1.0, 0.0
    for j in range(len(seen) - 1, -1, -1):
        window, only = ahead[j + 1 : j + 1 + _LAG].reshape(-1), seen[j].only
        scale = math.exp(unit[j + _LAG] + log_unit - log_all)
        if only is None:
            now = out_of @ window
            now += lost * graph.leave
            at[j + _LAG] *= now * scale
            now *= seen[j].odds
            ahead[j] = now
        else:
            now = _rows(out_of, window, only) + lost * graph.leave[only]
            at[j + _LAG, only] *= now * scale
            now *= seen[j].odds
            ahead[j, only] = now
        lost = stay * lost + float(found @ ahead[j + 1])
        top = max(lost, now.max(initial=0.0))
        if not 1 / _BIG < top < _BIG:
            ahead[j : j + _LAG] /= top
            lost /= top
            log_unit += math.log(top)
    return at[_LAG:]


def _rows(steps: csr_matrix, window: Floats, rows: Ints) -> Floats:
    """The product of a few rows of the matrix; most places of a settled chain have one."""
    product = np.empty(len(rows))
    for i, row in enumerate(rows):
        part = slice(steps.indptr[row], steps.indptr[row + 1])
        product[i] = steps.data[part] @ window[steps.indices[part]]
    return product
