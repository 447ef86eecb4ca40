"""Particles in groups: by k-means, or by the hills of their density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.analysis.axes import principal_axes
from napari_cryoai.heterogeneity.analysis.basins import basins

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

ROUNDS = 100
SETTLED = 1e-5
"""Of the spread within groups: rounds that gain less are not worth their time."""
MEANS_OF = 200_000
"""Of more particles so many, drawn by chance, place the centres."""
HILLS_OF = 50_000
"""Of more particles so many make the hills, and the others follow the nearest of these."""
_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which group each particle is in.

    Attributes
    ----------
    labels
        `(n,)` int32, counted from 0 along the first principal axis.
    centres
        `(k, d)`.
    representatives
        `(k,)` the particle nearest to each centre: there the model is known, while a centre
        between two clouds is a place where no particle is.
    """

    labels: NDArray[np.int32]
    centres: Floats
    representatives: Rows

    @property
    def sizes(self) -> Rows:
        """`(k,)` particles in each."""
        return np.bincount(self.labels, minlength=len(self.centres))


def kmeans(z: ArrayLike, count: int, *, seed: int = 0) -> Clusters:
    """Groups of small spread (Lloyd 1982), begun at places far apart (Arthur, Vassilvitskii 2007).

    Parameters
    ----------
    z
        `(n, d)`; scale it before, if its axes are not to count alike.
    count
        Of groups.

    Raises
    ------
    CryoAIError
        If there are not so many particles in different places.
    """
    places = np.asarray(z, np.float64)
    if not 1 <= count <= len(places):
        raise CryoAIError(
            f"{len(places)} particles cannot be divided into {count} groups",
            remedy="Ask for fewer groups, and at least one",
        )
    random = np.random.default_rng(seed)
    drawn = places[random.permutation(len(places))[:MEANS_OF]]
    centres, spread = _far_apart(drawn, count, random), np.inf
    for _ in range(ROUNDS):
        labels, away = _nearest(drawn, centres)
        if away.sum() >= (1 - SETTLED) * spread:
            break
        spread = away.sum()
        centres = _centres(drawn, labels, away, count)
    return _ordered(places, _nearest(places, centres)[0], centres)


def hills(
    z: ArrayLike, *, neighbours: int = 30, prominence: float = 1.0, seed: int = 0
) -> Clusters:
    """Groups of any shape: the hills of the density of particles, as many as there are.

    The density at a particle is told by the distance to its `neighbours`-th neighbour; summits come
    of the graph of neighbours (see `basins`). Axes count as they are: posterior means hardly differ
    along those of which the images do not tell.

    Parameters
    ----------
    neighbours
        Fewer show finer structure, and chance too.
    prominence
        How much a summit must stand out, in units of the log density: 1 is a factor of 2.7.
    """
    places = np.asarray(z, np.float64)
    if len(places) <= neighbours:
        raise CryoAIError(
            f"{len(places)} particles are too few to tell a density by {neighbours} neighbours",
            remedy="Choose more particles, or fewer neighbours",
        )
    rows = np.random.default_rng(seed).permutation(len(places))[:HILLS_OF]
    tree = cKDTree(places[rows])
    distance, near = tree.query(places[rows], neighbours + 1)
    height = log_density(distance[:, -1], places.shape[1])
    edges = np.stack([np.repeat(np.arange(len(rows)), neighbours), near[:, 1:].ravel()], 1)
    found = basins(height, edges, prominence)
    # Near is near enough: to find the very nearest of many takes several times as long.
    stone = tree.query(places, eps=0.5)[1] if len(rows) < len(places) else np.argsort(rows)
    # A mean of a bent hill may lie beside it: a hill is represented by its summit.
    return _ordered(places, found.labels[stone], places[rows[found.summits]])


def log_density(distance: Floats, dimensions: int) -> Floats:
    """Up to a constant, from the distances to a neighbour of some rank; equal places count."""
    least = np.min(distance[distance > 0], initial=np.inf)
    shortest = float(least) if np.isfinite(least) else 1.0
    return -dimensions * np.log(np.maximum(distance, 0.5 * shortest))


def nearest_particles(z: ArrayLike, places: ArrayLike) -> Rows:
    """`(k,)` the particle nearest to each of `(k, d)` places."""
    found: Rows = cKDTree(np.asarray(z, np.float64)).query(np.asarray(places, np.float64))[1]
    return found


def _far_apart(places: Floats, count: int, random: np.random.Generator) -> Floats:
    """Centres to begin with: each drawn the likelier the farther it is from those before."""
    centres = [places[random.integers(len(places))]]
    away = ((places - centres[0]) ** 2).sum(1)
    while len(centres) < count:
        total = away.sum()
        if total <= 0:
            raise CryoAIError(
                f"the particles lie in {len(centres)} different places only",
                remedy="Ask for fewer groups",
            )
        # The best of a few draws: one alone often falls next to another (the greedy variant).
        draws = random.choice(len(places), 2 + int(np.log(count)), p=away / total)
        trials = [np.minimum(away, ((places - places[i]) ** 2).sum(1)) for i in draws]
        best = int(np.argmin([trial.sum() for trial in trials]))
        centres.append(places[draws[best]])
        away = trials[best]
    return np.array(centres)


def _nearest(places: Floats, centres: Floats) -> tuple[Rows, Floats]:
    """The centre nearest to each place, and the squared distance."""
    labels, away = np.empty(len(places), np.intp), np.empty(len(places))
    own = (centres**2).sum(1)
    for start in range(0, len(places), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        squared = own - 2 * places[part] @ centres.T
        labels[part] = squared.argmin(1)
        away[part] = squared.min(1) + (places[part] ** 2).sum(1)
    return labels, away


def _centres(places: Floats, labels: Rows, away: Floats, count: int) -> Floats:
    """Means of the groups; one that has lost all its particles begins anew, at the farthest."""
    size = np.bincount(labels, minlength=count)
    sums = np.stack([np.bincount(labels, column, count) for column in places.T], 1)
    centres = sums / np.maximum(size, 1)[:, None]
    empty = np.flatnonzero(size == 0)
    centres[empty] = places[np.argsort(-away)[: len(empty)]]
    return centres


def _ordered(places: Floats, labels: Rows, centres: Floats) -> Clusters:
    """Numbered along the first principal axis, so that neighbours have like numbers."""
    along = principal_axes(places).first(1).of(centres)[:, 0] if len(places) > 1 else centres[:, 0]
    order = np.argsort(along, kind="stable")
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order))
    centres = centres[order]
    return Clusters(number[labels], centres, nearest_particles(places, centres))
