"""Residues joined from C to N, and the gaps of one residue between the chains that come of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.building.candidates import BOND_A, LONGEST_A, SHORTEST_A, SPREAD_A, sampled
from napari_cryoai.building.residues import Seen

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


def bonded(there: Seen, trace: NDArray[np.float32]) -> list[Rows]:
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
    return _paths(chosen, n)


def _scores(there: Seen, pairs: Rows, trace: NDArray[np.float32]) -> Floats:
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


def _paths(pairs: Rows, n: int) -> list[Rows]:
    """Each residue has one after it and one before, the first that come."""
    after, before = np.full(n, -1), np.full(n, -1)
    group = np.arange(n)
    for one, other in pairs.tolist():
        if after[one] < 0 and before[other] < 0 and group[one] != group[other]:
            after[one], before[other] = other, one
            group[group == group[other]] = group[one]
    return [_followed(after, start) for start in np.flatnonzero(before < 0).tolist()]


def _followed(after: Rows, start: int) -> Rows:
    path = [start]
    while after[path[-1]] >= 0:
        path.append(int(after[path[-1]]))
    return np.array(path, np.intp)


def laid_out(ca: Floats, paths: list[Rows]) -> tuple[Floats, Rows]:
    """Places `(n, 3)` and fragments `(n,)` of paths, one after the other."""
    rows = np.concatenate(paths) if paths else np.empty(0, np.intp)
    fragment = np.repeat(np.arange(len(paths)), [len(path) for path in paths])
    return ca[rows], fragment.astype(np.intp)


def closed(there: Seen, paths: list[Rows], trace: NDArray[np.float32]) -> tuple[Floats, Rows]:
    """The paths laid out, with a residue put in wherever one alone is missing between two."""
    gaps = _gaps(there, paths, trace)
    onto = {one: other for one, other, _ in gaps}
    middles = {one: middle for one, _, middle in gaps}
    ca, fragment = [np.empty((0, 3))], [np.empty(0, np.intp)]
    for start in sorted(set(range(len(paths))) - set(onto.values())):
        parts, here = [there.ca[paths[start]]], start
        while here in onto:
            parts += [middles[here][None], there.ca[paths[onto[here]]]]
            here = onto[here]
        ca += parts
        fragment.append(np.full(sum(map(len, parts)), start))
    return np.concatenate(ca), np.concatenate(fragment)


def _gaps(
    there: Seen, paths: list[Rows], trace: NDArray[np.float32]
) -> list[tuple[int, int, Floats]]:
    """Paths that follow one another, and the place of the residue between, nearest first."""
    if len(paths) < 2:
        return []
    ends, starts = (np.array([path[i] for path in paths], np.intp) for i in (-1, 0))
    c, n = there.atoms[ends, 2], there.atoms[starts, 0]
    apart = np.linalg.norm(there.ca[ends][:, None] - there.ca[starts], axis=-1)
    reach = np.linalg.norm(c[:, None] - n, axis=-1)
    near = (apart > NEAREST_GAP_A) & (apart < FARTHEST_GAP_A) & (reach < REACH_A)
    pairs = np.argwhere(near)[np.argsort(reach[near], kind="stable")]
    middles = (c[pairs[:, 0]] + n[pairs[:, 1]]) / 2
    found: list[tuple[int, int, Floats]] = []
    group = np.arange(len(paths))
    used: set[tuple[str, int]] = set()
    for (one, other), middle in zip(pairs.tolist(), middles, strict=True):
        free = group[one] != group[other] and not used & {("end", one), ("start", other)}
        if free and _through(trace, there.ca[ends[one]], middle, there.ca[starts[other]]):
            found.append((one, other, middle))
            used |= {("end", one), ("start", other)}
            group[group == group[other]] = group[one]
    return found


def _through(trace: NDArray[np.float32], one: Floats, middle: Floats, other: Floats) -> bool:
    """Whether there is backbone along the way."""
    ways = np.linspace(0, 1, 9)[:, None]
    line = np.concatenate([one + ways * (middle - one), middle + ways * (other - middle)])
    return bool(sampled(trace, line).mean() > THROUGH)
