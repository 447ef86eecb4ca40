"""Stretches of a trace that run through a sequence, and the chains that they make up.

Sections of one sequence are joined to as many chains as the sequence has copies: the cheapest set
of paths through sections that follow one another in the sequence, where each section is on one path
or is dropped. That is an assignment problem (each section has one successor, or is an end, or is
its own successor, which drops it), so it is solved exactly. Two sections further apart than a chain
can span are never joined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from napari_cryoai.building.threading.chain_graph import (
    CA_STEP_A,
    GAP_MEAN_A,
    GAP_SD_A,
    JITTER_A,
    MAX_SKIPPED,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

SLACK_A = 4 * JITTER_A
"""What errors of both positions may add to the distance that a chain spans."""

_LOOSE, _LOOSE_BELOW = 2, 0.95
"""Residues at each end of a section that can be dropped without it, if they are less certain."""

_FRAY = 4
"""Residues at each end of a section that can be dropped one by one if it does not fit whole."""

_COIL_A2 = 38.0
"""Mean square distance of two CA per residue between them, where there are many."""
_RESIDUE_A3 = 135.0
_NEVER = 1e9
_WORTH = 3.0
"""Log-odds of a joint that a section of one certain residue outweighs."""


@dataclass(frozen=True, eq=False)
class Section:
    """Residues of one fragment that follow one another along a sequence.

    Attributes
    ----------
    rows
        Of the trace, in the order of the sequence.
    places
        In the sequence, growing.
    backward
        Whether they run against the way of their fragment.
    """

    rows: Ints
    places: Ints
    backward: bool


def sections(
    fragment: Ints, place: Ints, backward: NDArray[np.bool_], posterior: Floats
) -> list[Section]:
    """Cut the residues that have a place where the fragment, the direction or the chain ends.

    Less certain residues at an end are sections of their own.
    """
    rows = np.flatnonzero(place >= 0)
    if not len(rows):
        return []
    here, there = rows[:-1], rows[1:]
    step = np.where(backward[there], -1, 1) * (place[there] - place[here])
    joined = (fragment[here] == fragment[there]) & (backward[here] == backward[there])
    joined &= (step >= 1) & (step <= MAX_SKIPPED + 1)
    found = []
    for whole in np.split(rows, np.flatnonzero(~joined) + 1):
        turned = bool(backward[whole[0]])
        for part in _without_loose_ends(whole, posterior):
            ordered = part[::-1] if turned else part
            found.append(Section(ordered, place[ordered], turned))
    return found


def _without_loose_ends(rows: Ints, posterior: Floats) -> list[Ints]:
    """The same rows, cut after each of the first and before each of the last that are uncertain."""
    loose = np.flatnonzero(posterior[rows] < _LOOSE_BELOW)
    first, last = loose[loose < _LOOSE], loose[loose >= len(rows) - _LOOSE]
    head = int(first.max(initial=-1)) + 1
    tail = max(int(last.min(initial=len(rows))), head)
    cuts = [*range(1, head + 1), *range(tail, len(rows))]
    return [part for part in np.split(rows, cuts) if len(part)]


def within_reach(distance_A: Floats, skipped: Ints) -> NDArray[np.bool_]:
    """Whether a chain with so many residues in between can span the distance."""
    return distance_A <= CA_STEP_A * (skipped + 1) + SLACK_A


def chains(
    parts: list[Section], ca_A: Floats, posterior: Floats, copies: int
) -> list[list[Section]]:
    """At most `copies` chains of sections in the order of the sequence, the longest chain first.

    What would be dropped is given a second chance without the residues at its ends.
    """
    paths = _paths(parts, ca_A, posterior, copies)
    kept = {i for path in paths for i in path}
    if any(len(part.rows) > 1 for i, part in enumerate(parts) if i not in kept):
        parts = [
            piece
            for i, part in enumerate(parts)
            for piece in ([part] if i in kept else _frayed(part))
        ]
        paths = _paths(parts, ca_A, posterior, copies)
    found = [[parts[i] for i in path] for path in paths]
    return sorted(found, key=lambda chain: -sum(len(part.rows) for part in chain))


def _frayed(part: Section) -> list[Section]:
    """The residues at both ends one by one, and the rest."""
    n = len(part.rows)
    cuts = [i for i in range(1, n) if i <= _FRAY or i >= n - _FRAY]
    pieces = zip(np.split(part.rows, cuts), np.split(part.places, cuts), strict=True)
    return [Section(rows, places, part.backward) for rows, places in pieces]


def _paths(parts: list[Section], ca_A: Floats, posterior: Floats, copies: int) -> list[list[int]]:
    """Numbers of the sections of each chain, in the order of the sequence."""
    if not parts:
        return []
    n = len(parts)
    cost = np.full((n + copies, n + copies), _NEVER)
    cost[:n, :n] = -_joints(parts, ca_A)
    cost[np.arange(n), np.arange(n)] = [_WORTH * posterior[part.rows].sum() for part in parts]
    cost[n:, :] = cost[:, n:] = 0.0
    source, successor = linear_sum_assignment(cost)
    next_of = dict(zip(source.tolist(), successor.tolist(), strict=True))
    found = []
    for start in range(n, n + copies):
        path: list[int] = []
        at = next_of[start]
        while at < n:
            path.append(at)
            at = next_of[at]
        if path:
            found.append(path)
    return found


def _joints(parts: list[Section], ca_A: Floats) -> Floats:
    """`(n, n)` log-odds that the chain goes on from one section to the other, or minus infinity."""
    first, last = (np.array([part.places[i] for part in parts]) for i in (0, -1))
    begin, end = (ca_A[[part.rows[i] for part in parts]] for i in (0, -1))
    skipped = first[None, :] - last[:, None] - 1
    distance = np.linalg.norm(begin[None] - end[:, None], axis=2)
    odds = np.log(_per_volume(distance, np.maximum(skipped, 0)) * _RESIDUE_A3 * len(ca_A))
    possible = (skipped >= 0) & within_reach(distance, skipped)
    return np.where(possible, np.clip(odds, -3, 8), -_NEVER)


def _per_volume(distance_A: Floats, skipped: Ints) -> Floats:
    """Probability density, per cubic Angstrom, of the next residue at a distance from the last."""
    near = np.minimum(skipped, MAX_SKIPPED)
    sd = np.hypot(GAP_SD_A, JITTER_A)[near]
    shell = np.exp(-0.5 * ((distance_A - GAP_MEAN_A[near]) / sd) ** 2) / (np.sqrt(2 * np.pi) * sd)
    shell /= 4 * np.pi * np.maximum(distance_A, 2.5) ** 2
    square = _COIL_A2 * (skipped + 1) / 3
    coil = np.exp(-0.5 * distance_A**2 / square) / (2 * np.pi * square) ** 1.5
    return np.where(skipped <= MAX_SKIPPED, shell, coil) + 1e-12
