"""Residues joined from C to N, and the gaps of one residue between the chains that come of it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.building.tracing.candidates import (
    BOND_A,
    LONGEST_A,
    SHORTEST_A,
    SPREAD_A,
    sampled,
)
from napari_cryoai.building.tracing.joining import paths
from napari_cryoai.building.tracing.residues import PlacedResidues

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

PEPTIDE_A, PEPTIDE_SPREAD_A = 1.33, 0.8
"""Bond from C to the next N, and how far it may be off."""

EVIDENCE = 4.0
"""Logarithm of how likely a perfect bond is, before the backbone along it is looked at."""

KEPT = 0.5
"""What speaks for a bond that was there before."""

LEAST = 0.0
"""Logarithm below which two residues are not joined."""

BETWEEN = np.linspace(0.15, 0.85, 7)[:, None]

NEAREST_GAP_A, FARTHEST_GAP_A = 4.6, 7.6
"""Between CA on both sides of one missing residue."""

REACH_A = 5.5
"""Between the C and the N on both sides of it."""

THROUGH = 0.15
"""Heat of the backbone, on average, through a gap that is closed."""


def bonded(there: PlacedResidues, trace: NDArray[np.float32]) -> list[Rows]:
    """Paths from the N to the C terminus, best bonds first; no branches, no rings.

    Parameters
    ----------
    trace
        `(d, h, w)` heat of the backbone.
    """
    n = len(there)
    if n < 2:
        return [np.arange(n)] if n else []
    pairs = cKDTree(there.ca).query_pairs(LONGEST_A, output_type="ndarray").astype(np.intp)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    score = _scores(there, pairs, trace)
    order = np.argsort(-score, kind="stable")
    chosen = pairs[order[score[order] > LEAST]]
    return paths(chosen, n)


def _scores(there: PlacedResidues, pairs: Rows, trace: NDArray[np.float32]) -> Floats:
    """Logarithm of how likely the second follows the first."""
    one, other = pairs.T
    step = there.ca[other] - there.ca[one]
    length = np.linalg.norm(step, axis=1)
    peptide = np.linalg.norm(there.atoms[one, 2] - there.atoms[other, 0], axis=1)
    along = there.ca[one][:, None] + BETWEEN * step[:, None]
    support = np.log(np.clip(sampled(trace, along), 1e-3, 1))
    score = EVIDENCE + (support.mean(1) + support.min(1)) / 2
    score -= ((length - BOND_A) / SPREAD_A) ** 2 / 2
    score -= ((peptide - PEPTIDE_A) / PEPTIDE_SPREAD_A) ** 2 / 2
    before = (there.fragment[one] == there.fragment[other]) & (other - one == 1)
    found: Floats = np.where(length > SHORTEST_A, score + KEPT * before, -np.inf)
    return found


def laid_out(ca: Floats, ways: list[Rows]) -> tuple[Floats, Rows]:
    """Places `(n, 3)` and fragments `(n,)` of paths, one after the other."""
    rows = np.concatenate(ways) if ways else np.empty(0, np.intp)
    fragment = np.repeat(np.arange(len(ways)), [len(way) for way in ways])
    return ca[rows], fragment.astype(np.intp)


def closed(
    there: PlacedResidues, ways: list[Rows], trace: NDArray[np.float32]
) -> tuple[Floats, Rows]:
    """The paths laid out, with a residue put in wherever one alone is missing between two."""
    ca, fragment = [np.empty((0, 3))], [np.empty(0, np.intp)]
    for row in paths(_gaps(there, ways, trace), len(ways)):
        parts = [there.ca[ways[row[0]]]]
        for one, other in pairwise(row.tolist()):
            middle = (there.atoms[ways[one][-1], 2] + there.atoms[ways[other][0], 0]) / 2
            parts += [middle[None], there.ca[ways[other]]]
        ca += parts
        fragment.append(np.full(sum(map(len, parts)), row[0]))
    return np.concatenate(ca), np.concatenate(fragment)


def _gaps(there: PlacedResidues, ways: list[Rows], trace: NDArray[np.float32]) -> Rows:
    """`(k, 2)` paths that may follow one another but for one residue, nearest first."""
    if len(ways) < 2:
        return np.empty((0, 2), np.intp)
    ends, starts = (np.array([way[i] for way in ways], np.intp) for i in (-1, 0))
    c, n = there.atoms[ends, 2], there.atoms[starts, 0]
    apart = np.linalg.norm(there.ca[ends][:, None] - there.ca[starts], axis=-1)
    reach = np.linalg.norm(c[:, None] - n, axis=-1)
    near = (apart > NEAREST_GAP_A) & (apart < FARTHEST_GAP_A) & (reach < REACH_A)
    pairs = np.argwhere(near)[np.argsort(reach[near], kind="stable")]
    kept = [
        _through(trace, there.ca[ends[one]], (c[one] + n[other]) / 2, there.ca[starts[other]])
        for one, other in pairs.tolist()
    ]
    return pairs[np.array(kept, np.bool_)]


def _through(trace: NDArray[np.float32], one: Floats, middle: Floats, other: Floats) -> bool:
    """Whether there is backbone along the way."""
    ways = np.linspace(0, 1, 9)[:, None]
    line = np.concatenate([one + ways * (middle - one), middle + ways * (other - middle)])
    return bool(sampled(trace, line).mean() > THROUGH)
