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

from napari_cryoai.core.model_edits import BY_HAND_FORWARD
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
"""Weight, in fragments that begin per cubic Angstrom, of the chain going on where none does."""
_NEGLIGIBLE = 0.003
_ENTER_INSIDE = 0.03
"""How likely a chain joins inside a fragment and not at its beginning, for each residue."""
_SUREST = 6.0
_BY_HAND = 300.0
"""Log-odds of the direction of a fragment that the user has turned: nothing speaks against it."""


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


def chain_graph(trace: Trace) -> ChainGraph:
    """The steps that a trace allows."""
    states = _States.of(trace)
    size = len(states.row)
    way = _way(states, trace.forward)
    inside, leaving = _inside(states)
    across = _across(states, way, leaving)
    source, target, skipped, weight = (
        np.concatenate(column) for column in zip(inside, across, strict=True)
    )
    column = (MAX_SKIPPED - skipped) * size + source
    steps = csr_matrix((weight, (target, column)), shape=(size, (MAX_SKIPPED + 1) * size))
    enter = np.where(states.before == 0, 1.0, _ENTER_INSIDE) * way
    leave: Floats = np.clip(1.0 - np.bincount(source, weight, size), 1e-4, 1.0)
    return ChainGraph(states.row, steps, enter / max(enter.sum(), 1e-300), leave)


@dataclass(frozen=True, eq=False)
class _States:
    """Residue, fragment and position of each state, and how many states of its way are around it.

    Attributes
    ----------
    way
        `(2 n,)` number of the fragment and its direction.
    before, after
        `(2 n,)` states of the same way before and after it.
    """

    row: Ints
    fragment: Ints
    way: Ints
    xyz_A: Floats
    before: Ints
    after: Ints

    @classmethod
    def of(cls, trace: Trace) -> _States:
        n = len(trace)
        row = np.concatenate([np.arange(n), np.arange(n)[::-1]])
        number = np.concatenate([[0], np.cumsum(np.diff(trace.fragment) != 0)])[:n]
        way = number[row] + (number[-1] + 1) * np.repeat([0, 1], n)
        at = np.arange(2 * n)
        starts = np.flatnonzero(np.r_[True, np.diff(way) != 0])
        sizes = np.diff(np.r_[starts, 2 * n])
        before = at - np.repeat(starts, sizes)
        after = np.repeat(sizes, sizes) - 1 - before
        return cls(row, number[row], way, trace.ca_A[row], before, after)


def _way(states: _States, forward: Floats) -> Floats:
    """Probability that the fragment of each state runs the way of the state."""
    n = len(states.row) // 2
    # A tracer joins what does not belong together; no sum of evidence rules a direction out.
    total = np.clip(np.bincount(states.fragment[:n], forward), -_SUREST, _SUREST)
    by_hand = np.full(len(total), np.inf)
    np.minimum.at(by_hand, states.fragment[:n], forward)
    total[by_hand >= BY_HAND_FORWARD] = _BY_HAND
    odds = total[states.fragment] * np.repeat([1, -1], n)
    return 1 / (1 + np.exp(-odds))


def _density(distance_A: Floats, skipped: Ints | int) -> Floats:
    """Probability density of a distance, per Angstrom."""
    sd = np.hypot(GAP_SD_A[skipped], JITTER_A)
    off = (distance_A - GAP_MEAN_A[skipped]) / sd
    reachable = distance_A <= CA_STEP_A * (np.asarray(skipped) + 1) + 3 * JITTER_A
    return np.where(reachable, np.exp(-0.5 * off**2) / sd, 0.0) + 1e-6


Steps = tuple[Ints, Ints, Ints, Floats]


def _inside(states: _States) -> tuple[Steps, Floats]:
    """Steps inside fragments, and the probability to leave the fragment after each state."""
    xyz, after = states.xyz_A, states.after
    parts = []
    for (rows, places), prior in _INSIDE.items():
        source = np.flatnonzero(after >= rows)
        distance = np.linalg.norm(xyz[source + rows] - xyz[source], axis=1)
        weight = prior * _density(distance, places)
        parts.append((source, source + rows, np.full(len(source), places), weight))
    source, target, skipped, weight = (np.concatenate(c) for c in zip(*parts, strict=True))
    leaving = np.where(after < len(_TRIM), _LEAVE_NEAR_END, _LEAVE_INSIDE)
    leaving[after == 0] = 1.0
    total = np.bincount(source, weight, len(after))
    weight *= ((1 - leaving) / np.maximum(total, 1e-300))[source]
    return (source, target, skipped, weight), leaving


def _across(states: _States, way: Floats, leaving: Floats) -> Steps:
    """Steps from near the end of a fragment to near the beginning of another."""
    xyz = states.xyz_A
    source, target = _neighbours(states)
    distance = np.linalg.norm(xyz[target] - xyz[source], axis=1)
    sphere_A2 = 4 * np.pi * np.maximum(distance, 2.5) ** 2
    likely = np.array(_TRIM)[states.before[target]] * 2 * way[target]
    parts = []
    for skipped, prior in enumerate(_GAP):
        weight = likely * _density(distance, skipped) / sphere_A2
        total = np.bincount(source, weight, len(xyz)) + _NOT_IN_TRACE
        share = weight / total[source]
        kept = share > _NEGLIGIBLE
        weight = (prior * leaving[source] * share)[kept]
        parts.append((source[kept], target[kept], np.full(kept.sum(), skipped), weight))
    a, b, c, d = (np.concatenate(column) for column in zip(*parts, strict=True))
    return a, b, c, d


def _neighbours(states: _States) -> tuple[Ints, Ints]:
    """Pairs of an end and a beginning of different fragments that one step can join."""
    reach = CA_STEP_A * (MAX_SKIPPED + 1) + JITTER_A
    ends = np.flatnonzero(states.after < len(_TRIM))
    starts = np.flatnonzero(states.before < len(_TRIM))
    near = cKDTree(states.xyz_A[ends]).query_ball_tree(cKDTree(states.xyz_A[starts]), reach)
    source = np.repeat(ends, [len(found) for found in near])
    target = starts[np.array([i for found in near for i in found], np.intp)]
    other = states.fragment[source] != states.fragment[target]
    return source[other], target[other]
