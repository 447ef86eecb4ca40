"""Residues without a place beside those with one: some follow, and for some there is no room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.threading.thread import Threaded

Mask = NDArray[np.bool_]

SHORT = 4
"""Residues at the end of a fragment that follow the last one with a place, at most."""

FOLLOWS = 0.45
"""Share of them that are right, in 19 simulated maps."""


def without_inserted(threaded: Threaded) -> Threaded:
    """Without the residues that lie between two that are neighbours in a sequence."""
    dropped = np.zeros(len(threaded), np.bool_)
    for rows in threaded.trace.fragments():
        placed = rows[threaded.polymer[rows] >= 0]
        for one, other in zip(placed[:-1].tolist(), placed[1:].tolist(), strict=True):
            if threaded.position[other] == threaded.position[one] + 1:
                dropped[one + 1 : other] = True
    return _select(threaded, ~dropped)


def continued(threaded: Threaded, lengths: Sequence[int]) -> Threaded:
    """With places for short ends of fragments: those that follow, if they are there and free.

    Parameters
    ----------
    lengths
        Of the sequences, one for each copy.
    """
    polymer, position = threaded.polymer.copy(), threaded.position.copy()
    posterior = threaded.posterior.copy()
    taken = set(zip(polymer.tolist(), position.tolist(), strict=True))
    for rows in threaded.trace.fragments():
        placed = np.flatnonzero(polymer[rows] >= 0)
        if not len(placed):
            continue
        before, after = rows[: placed[0]][::-1], rows[placed[-1] + 1 :]
        for end, last, step in ((before, rows[placed[0]], -1), (after, rows[placed[-1]], 1)):
            for i, row in enumerate(end.tolist() if len(end) <= SHORT else (), 1):
                place = int(polymer[last]), int(position[last]) + i * step
                if not 0 <= place[1] < lengths[place[0]] or place in taken:
                    break
                taken.add(place)
                polymer[row], position[row] = place
                posterior[row] = FOLLOWS
    return replace(threaded, polymer=polymer, position=position, posterior=posterior)


def without_unlikely_ends(threaded: Threaded, count: int) -> Threaded:
    """Without so many of the residues that have no place, the least likely ones first.

    They are taken from the ends of fragments, so that none is torn apart.
    """
    trace, dropped = threaded.trace, np.zeros(len(threaded), np.bool_)
    free = threaded.polymer < 0
    ends = [(int(rows[at]), step) for rows in trace.fragments() for at, step in ((0, 1), (-1, -1))]
    heap = [(float(trace.confidence[row]), row, step) for row, step in ends if free[row]]
    heapify(heap)
    while count > 0 and heap:
        _, row, step = heappop(heap)
        if dropped[row]:
            continue
        dropped[row] = True
        count -= 1
        after = row + step
        inside = 0 <= after < len(trace) and trace.fragment[after] == trace.fragment[row]
        if inside and free[after]:
            heappush(heap, (float(trace.confidence[after]), after, step))
    return _select(threaded, ~dropped)


def _select(threaded: Threaded, kept: Mask) -> Threaded:
    names = [field.name for field in fields(threaded) if field.name != "trace"]
    columns = {name: getattr(threaded, name)[kept] for name in names}
    return Threaded(threaded.trace.select(kept), **columns)
