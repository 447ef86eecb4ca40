"""Which residue of a trace can follow which in a chain, and how likely that is.

Every residue of a trace is there twice, as a *state*: passed on the way that its fragment is given
in, and on the way back. A step goes from a state to one that is `skipped + 1` places further along
the sequence: to the next residue of the fragment, past false residues of it, or from the end of one
fragment to the beginning of another that is near enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.spatial import cKDTree

from napari_cryoai.core.trace import Trace

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CA_STEP_A = 3.8
MAX_SKIPPED = 5
"""Residues that a single step may leave out. Longer gaps keep no memory of where they began."""

GAP_MEAN_A = np.array([3.80, 6.03, 7.52, 9.25, 11.21, 12.76])
GAP_SD_A = np.array([0.06, 0.64, 2.08, 2.91, 3.37, 4.02])
"""Distance of two CA with 0, 1, ... residues between them: of 40 deposited structures."""

JITTER_A = 0.5
"""What the error of the positions adds to the spread of a distance."""

_INSIDE = {(1, 0): 0.90, (1, 1): 0.02, (1, 2): 0.004, (2, 0): 0.05, (2, 1): 0.015, (3, 0): 0.006}
"""Probability of a step inside a fragment, by rows and residues of the sequence minus one."""

_LEAVE_INSIDE, _LEAVE_NEAR_END = 0.005, 0.05
_TRIM = (1.0, 0.2)
"""How likely a chain leaves (joins) a fragment at its last (first) residue, the one before it."""
_GAP = np.array([0.12, 0.38, 0.14, 0.08, 0.06, 0.04])
"""Probability that 0, 1, ... residues are missing where a fragment ends; the rest is longer."""
_NOT_IN_TRACE = 0.0007
"""Ends per cubic Angstrom that the true neighbour competes with."""


@dataclass(frozen=True, eq=False)
class ChainGraph:
    """Steps between the `2 n` states of a trace of `n` residues.

    Attributes
    ----------
    row
        `(2 n,)` residue of each state: first on the way given, then all in reverse.
    steps
        `(2 n, (MAX_SKIPPED + 1) 2 n)` probability of a step into the state of the row; the column
        `(MAX_SKIPPED - skipped) 2 n + s` is a step from the state `s`.
    enter
        `(2 n,)` probability that a chain of which nothing is known goes on at this state.
    leave
        `(2 n,)` probability that a chain goes on from this state at an unknown place.
    """

    row: Ints
    steps: csr_matrix
    enter: Floats
    leave: Floats

    def __len__(self) -> int:
        return len(self.row)

    def select(self, states: NDArray[np.bool_]) -> ChainGraph:
        """The graph of some of its states."""
        steps = self.steps[states][:, np.tile(states, MAX_SKIPPED + 1)]
        return ChainGraph(self.row[states], steps, self.enter[states], self.leave[states])

    def reversed_steps(self) -> csr_matrix:
        """Steps out of the state of the row; the column `skipped n + s` is a step into `s`."""
        steps, n = self.steps.tocoo(), len(self)
        lag, source = np.divmod(steps.col, n)
        column = (MAX_SKIPPED - lag) * n + steps.row
        return csr_matrix((steps.data, (source, column)), shape=steps.shape)


def chain_graph(trace: Trace, forward: Floats | None = None) -> ChainGraph:
    """The steps that a trace allows.

    Parameters
    ----------
    forward
        `(n,)` log-odds that the fragment of a residue runs as given; they add up along a fragment.
    """
    n = len(trace)
    row = np.concatenate([np.arange(n), np.arange(n)[::-1]])
    number = np.concatenate([[0], np.cumsum(np.diff(trace.fragment) != 0)])[:n]
    run = number[row] + np.repeat([0, n], n)
    from_start, to_end = _places(run)
    way = _way(number, row, forward)
    inside, leaving = _inside(trace.ca_A[row], run, to_end)
    across = _across(trace.ca_A[row], run, row, number, from_start, to_end, way, leaving)
    src, dst, skipped, weight = (np.concatenate(c) for c in zip(inside, across, strict=True))
    column = (MAX_SKIPPED - skipped) * 2 * n + src
    steps = csr_matrix((weight, (dst, column)), shape=(2 * n, (MAX_SKIPPED + 1) * 2 * n))
    left = np.bincount(src, weight, 2 * n)
    enter = np.where(from_start == 0, 1.0, 0.03) * way
    return ChainGraph(row, steps, enter / max(enter.sum(), 1e-300), np.clip(1 - left, 1e-4, 1))


def _places(run: Ints) -> tuple[Ints, Ints]:
    """How many states of its own fragment lie before and after each state."""
    at = np.arange(len(run))
    first = np.r_[True, np.diff(run) != 0] if len(run) else np.empty(0, np.bool_)
    starts = at[first]
    sizes = np.diff(np.r_[starts, len(run)])
    before = at - np.repeat(starts, sizes)
    return before, np.repeat(sizes, sizes) - 1 - before


def _way(number: Ints, row: Ints, forward: Floats | None) -> Floats:
    """Probability that the fragment of each state runs the way of the state."""
    if forward is None or not len(number):
        return np.full(len(row), 0.5)
    # A tracer joins what does not belong together; no sum of evidence rules a direction out.
    total = np.clip(np.bincount(number, forward), -6, 6)[number]
    odds = np.where(np.arange(len(row)) < len(number), total[row], -total[row])
    return 1 / (1 + np.exp(-odds))


def _density(distance_A: Floats, skipped: Ints | int) -> Floats:
    """Probability density of a distance, per Angstrom."""
    sd = np.hypot(GAP_SD_A[skipped], JITTER_A)
    off = (distance_A - GAP_MEAN_A[skipped]) / sd
    reachable = distance_A <= CA_STEP_A * (np.asarray(skipped) + 1) + 3 * JITTER_A
    return np.where(reachable, np.exp(-0.5 * off**2) / sd, 0.0) + 1e-6


Steps = tuple[Ints, Ints, Ints, Floats]


def _inside(xyz: Floats, run: Ints, to_end: Ints) -> tuple[Steps, Floats]:
    """Steps inside fragments, and the probability to leave the fragment after each state."""
    at = np.arange(len(run))
    parts = []
    for (rows, places), prior in _INSIDE.items():
        src = at[to_end >= rows]
        distance = np.linalg.norm(xyz[src + rows] - xyz[src], axis=1)
        weight = prior * _density(distance, places)
        parts.append((src, src + rows, np.full(len(src), places), weight))
    src, dst, skipped, weight = (np.concatenate(c) for c in zip(*parts, strict=True))
    leaving = np.where(
        to_end == 0, 1.0, np.where(to_end < len(_TRIM), _LEAVE_NEAR_END, _LEAVE_INSIDE)
    )
    total = np.bincount(src, weight, len(run))
    return (src, dst, skipped, weight * ((1 - leaving) / np.maximum(total, 1e-300))[src]), leaving


def _across(
    xyz: Floats,
    run: Ints,
    row: Ints,
    number: Ints,
    from_start: Ints,
    to_end: Ints,
    way: Floats,
    leaving: Floats,
) -> Steps:
    """Steps from near the end of a fragment to near the beginning of another."""
    reach = CA_STEP_A * (MAX_SKIPPED + 1) + JITTER_A
    ends = np.flatnonzero(to_end < len(_TRIM))
    starts = np.flatnonzero(from_start < len(_TRIM))
    near = cKDTree(xyz[ends]).query_ball_tree(cKDTree(xyz[starts]), reach)
    counts = [len(found) for found in near]
    src = np.repeat(ends, counts)
    dst = starts[np.array([i for found in near for i in found], np.intp)]
    other = number[row[src]] != number[row[dst]]
    src, dst = src[other], dst[other]
    distance = np.linalg.norm(xyz[dst] - xyz[src], axis=1)
    parts = []
    for skipped, prior in enumerate(_GAP):
        near_sphere = _density(distance, skipped) / (4 * np.pi * np.maximum(distance, 2.5) ** 2)
        weight = near_sphere * np.array(_TRIM)[from_start[dst]] * 2 * way[dst]
        total = np.bincount(src, weight, len(run)) + _NOT_IN_TRACE
        share = weight / total[src]
        kept = share > 0.003
        weight = (prior * leaving[src] * share)[kept]
        parts.append((src[kept], dst[kept], np.full(kept.sum(), skipped), weight))
    a, b, c, d = (np.concatenate(column) for column in zip(*parts, strict=True))
    return a, b, c, d
