"""Candidates joined to fragments of chain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.building.tracing.candidates import Candidates, Links
from napari_cryoai.building.tracing.joining import ring_free

Floats = NDArray[np.float64]

LEAST = 0.0
"""Score below which two candidates are not joined."""

SHORTEST = 3
"""Residues of a fragment; what is shorter is dropped."""

NARROWEST_A = 4.5
"""Between a residue and the next but one: narrower the chain cannot turn."""


def join(found: Candidates, linked: Links) -> list[NDArray[np.intp]]:
    """Join candidates, best links first; no branches, no rings.

    Returns
    -------
    fragments
        Rows of candidates from the N to the C terminus, as the links see it.
    """
    neighbours: list[list[int]] = [[] for _ in range(len(found))]

    def may(one: int, other: int) -> bool:
        ends = ((one, other), (other, one))
        return all(_open(new, neighbours[end], found.zyx) for end, new in ends)

    order = np.argsort(-linked.score, kind="stable")
    best = linked.pairs[order[linked.score[order] > LEAST]]
    for one, other in ring_free(best, len(found), may):
        neighbours[one].append(other)
        neighbours[other].append(one)
    paths = [path for path in _paths(neighbours) if len(path) >= SHORTEST]
    forward = _evidence(linked)
    return [path if _way(path, forward) >= 0 else path[::-1] for path in paths]


def _open(new: int, there: list[int], zyx: Floats) -> bool:
    if len(there) == 2:
        return False
    return not there or float(np.linalg.norm(zyx[there[0]] - zyx[new])) > NARROWEST_A


def _paths(neighbours: list[list[int]]) -> list[NDArray[np.intp]]:
    paths, seen = [], set[int]()
    for start, linked in enumerate(neighbours):
        if len(linked) == 1 and start not in seen:
            path, here = [start], linked[0]
            while True:
                path.append(here)
                onwards = [n for n in neighbours[here] if n != path[-2]]
                if not onwards:
                    break
                here = onwards[0]
            seen.update(path)
            paths.append(np.array(path, np.intp))
    return paths


def _evidence(linked: Links) -> dict[tuple[int, int], float]:
    pairs = linked.pairs.tolist()
    return {(a, b): f for (a, b), f in zip(pairs, linked.forward.tolist(), strict=True)}


def _way(path: NDArray[np.intp], forward: dict[tuple[int, int], float]) -> float:
    total = 0.0
    for one, other in zip(path[:-1].tolist(), path[1:].tolist(), strict=True):
        total += forward[one, other] if (one, other) in forward else -forward[other, one]
    return total
