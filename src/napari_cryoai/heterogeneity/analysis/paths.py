"""Paths through a latent space, along which maps are decoded: a motion, as a film shows it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.analysis.clusters import log_density

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

PLACES = 20
GRAPH_OF = 50_000
"""Of more particles so many, drawn by chance, are the stepping stones."""
_FINE = 64
"""Points of a spline between two anchors."""


def straight(anchors: ArrayLike, count: int = PLACES) -> Floats:
    """`(count, d)` places at equal steps along straight lines between anchors `(m, d)`."""
    return resampled(_anchors(anchors), count)


def spline(anchors: ArrayLike, count: int = PLACES) -> Floats:
    """`(count, d)` places at equal steps along a smooth curve through anchors `(m, d)`.

    Cubic, with its parameter the square root of the chords: it does not loop at sharp turns
    (Lee 1989, Comput.-Aided Des. 21, 363).
    """
    through = _anchors(anchors)
    if len(through) == 2:
        return resampled(through, count)
    steps = np.sqrt(np.linalg.norm(np.diff(through, axis=0), axis=1))
    at = np.concatenate([[0], steps.cumsum()])
    fine = np.interp(np.linspace(0, len(at) - 1, _FINE * (len(at) - 1) + 1), np.arange(len(at)), at)
    curve = CubicSpline(at, through, bc_type="natural")(fine)
    return resampled(curve, count)


def graph(
    z: ArrayLike, anchors: ArrayLike, count: int = PLACES, *, neighbours: int = 12, seed: int = 0
) -> Floats:
    """`(count, d)` places along the shortest way from particle to neighbouring particle.

    Parameters
    ----------
    z
        `(n, d)` of the particles.
    anchors
        `(m, d)`; the way leads past the particle next to each. Gaps are crossed where they are
        narrowest.
    """
    return _through_particles(z, anchors, count, neighbours, seed, weight=0.0)


def dense(
    z: ArrayLike,
    anchors: ArrayLike,
    count: int = PLACES,
    *,
    weight: float = 1.0,
    neighbours: int = 24,
    seed: int = 0,
) -> Floats:
    """`(count, d)` places along the way on which particles are dense: of little free energy.

    A step costs its length over the density to the power of `weight`, so the way leads over the
    lowest pass between two hills of density, and along their ridges; then it is smoothed.

    Parameters
    ----------
    z
        `(n, d)` of the particles.
    anchors
        `(m, d)`; the way leads past each.
    weight
        0: the shortest way; the larger, the longer the detours that it takes.
    """
    return _through_particles(z, anchors, count, neighbours, seed, weight)


def resampled(path: ArrayLike, count: int) -> Floats:
    """`(count, d)` places at equal steps along a path `(m, d)`, its ends kept."""
    if count < 2:
        raise CryoAIError("a path has at least two places", remedy="Ask for 2 or more")
    line = np.asarray(path, np.float64)
    length = np.linalg.norm(np.diff(line, axis=0), axis=1)
    keep = np.concatenate([[True], length > 0])
    line, at = line[keep], np.concatenate([[0], length[length > 0].cumsum()])
    wanted = np.linspace(0, at[-1], count)
    return np.stack([np.interp(wanted, at, column) for column in line.T], 1)


@dataclass(frozen=True, eq=False)
class Along:
    """Where particles lie along a path.

    Attributes
    ----------
    nearest
        `(n,)` the place of the path that is next to each particle.
    distance
        `(n,)` to it.
    """

    nearest: Rows
    distance: Floats

    def counts(self, within: float = np.inf, places: int = PLACES) -> Rows:
        """`(places,)` particles next to each place and not farther away than `within`."""
        return np.bincount(self.nearest[self.distance <= within], minlength=places)


def along(z: ArrayLike, path: ArrayLike) -> Along:
    """Where particles `(n, d)` lie along a path `(m, d)`."""
    distance, nearest = cKDTree(np.asarray(path, np.float64)).query(np.asarray(z, np.float64))
    return Along(nearest, distance)


def _through_particles(
    z: ArrayLike, anchors: ArrayLike, count: int, neighbours: int, seed: int, weight: float
) -> Floats:
    through = _anchors(anchors)
    places = np.asarray(z, np.float64)
    if len(places) < 2:
        raise CryoAIError("there are too few particles to step on", remedy="Choose a straight path")
    ends = cKDTree(places).query(through)[1]
    stones = np.random.default_rng(seed).permutation(len(places))[:GRAPH_OF]
    stones = np.unique(np.concatenate([stones, ends]))
    net = _Net.of(places[stones], neighbours, weight)
    stops = np.searchsorted(stones, ends)
    legs = [places[stones[net.way(int(a), int(b))]] for a, b in pairwise(stops)]
    return resampled(_joined(legs, through, smooth=weight > 0), count)


def _joined(legs: list[Floats], through: Floats, *, smooth: bool) -> Floats:
    """One line from anchor to anchor."""
    lines = []
    for leg, (first, last) in zip(legs, pairwise(through), strict=True):
        line = np.concatenate([first[None], leg[1:-1], last[None]])
        lines.append(_smoothed(line) if smooth else line)
    return np.concatenate(lines)


def _smoothed(line: Floats, rounds: int = 4) -> Floats:
    """A leg as a smooth line of 65 points, without the zigzag of its stones, its ends kept."""
    if len(line) < 3 or not np.ptp(line, axis=0).any():
        return line
    for _ in range(rounds):
        line = resampled(line, 65)
        padded = np.pad(line, ((4, 4), (0, 0)), mode="reflect", reflect_type="odd")
        window = np.hanning(11)[1:-1] / np.hanning(11).sum()
        line = np.stack([np.convolve(column, window, "valid") for column in padded.T], 1)
    return line


@dataclass(frozen=True, eq=False)
class _Net:
    """Stepping stones, and what a step from one to a neighbour costs."""

    costs: csr_array

    @classmethod
    def of(cls, places: Floats, neighbours: int, weight: float) -> _Net:
        """Of `(n, k)` stones."""
        n, k = len(places), min(neighbours, len(places) - 1)
        tree = cKDTree(places)
        distance, near = tree.query(places, k + 1)
        steps = np.stack([np.repeat(np.arange(n), k), near[:, 1:].ravel()], 1)
        # The typical stone has the weight 1, so that lengths keep their meaning.
        height = log_density(distance[:, -1], places.shape[1])
        level = float(np.median(height))
        sparse = np.exp(-weight * (height - level))
        cost = distance[:, 1:].ravel() * sparse[steps].mean(1)
        bridges = _bridges(places, steps)
        if len(bridges):
            # A gap is as sparse as its middle, not as its shores.
            length = np.linalg.norm(np.diff(places[bridges], axis=1)[:, 0], axis=1)
            middle = tree.query(places[bridges].mean(1), [k])[0][:, 0]
            gap = np.exp(-weight * (log_density(middle, places.shape[1]) - level))
            steps, cost = np.concatenate([steps, bridges]), np.concatenate([cost, length * gap])
        # A cost of 0 would be no edge at all.
        costs = csr_array((np.maximum(cost, 1e-12), (steps[:, 0], steps[:, 1])), (n, n))
        return cls(costs.maximum(costs.T))

    def way(self, first: int, last: int) -> Rows:
        """The cheapest way from one stone to another, both included."""
        before = dijkstra(self.costs, directed=False, indices=first, return_predecessors=True)[1]
        way = [last]
        while way[-1] != first:
            way.append(int(before[way[-1]]))
        return np.array(way[::-1], np.intp)


def _bridges(places: Floats, steps: Rows) -> Rows:
    """Steps `(b, 2)` that join groups of stones which have none between them, where it is least."""
    n = len(places)
    found = np.empty((0, 2), np.intp)
    while True:
        every = np.concatenate([steps, found])
        links = csr_array((np.ones(len(every)), (every[:, 0], every[:, 1])), (n, n))
        groups, group = connected_components(links, directed=False)
        if groups == 1:
            return found
        for one in np.argsort(np.bincount(group))[:-1]:
            own, others = np.flatnonzero(group == one), np.flatnonzero(group != one)
            distance, near = cKDTree(places[others]).query(places[own])
            i = int(distance.argmin())
            found = np.concatenate([found, [[own[i], others[near[i]]]]])


def _anchors(anchors: ArrayLike) -> Floats:
    """Without those that lie where the one before does."""
    through = np.asarray(anchors, np.float64)
    if through.ndim != 2 or not np.isfinite(through).all():
        raise CryoAIError("a point of the path is not a place", remedy="Give finite numbers")
    moved = np.concatenate([[True], (np.diff(through, axis=0) != 0).any(1)])
    through = through[moved[: len(through)]]
    if len(through) < 2:
        raise CryoAIError(
            "a path needs two points in different places", remedy="Choose another point"
        )
    return through
