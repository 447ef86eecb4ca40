"""Whether particles of like states lie near each other in a latent space."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]

MOST = 4000
"""Particles that are looked at; more say no more, and take longer by the square."""
NEIGHBOURS = 0.02
"""Share of the particles that counts as the neighbours of each."""


@dataclass(frozen=True)
class LatentScores:
    """The latent space against the true states.

    Attributes
    ----------
    similarity
        Share of each particle's neighbours in the latent space that are among its nearest in truth
        too, ties included (Jeon et al. 2024, CryoBench: neighbourhood similarity).
    by_chance
        The same for neighbours drawn at random.
    explained
        Share of the variance of the true coordinates that the mean over a particle's neighbours
        foretells, without itself; 0 where the space knows nothing, and NaN where nothing varies.
    """

    similarity: float
    by_chance: float
    explained: float


def latent_scores(z: Floats, coordinates: Floats, seed: int = 0) -> LatentScores:
    """Compare places in a latent space with true ones.

    Parameters
    ----------
    z
        `(n, d)`.
    coordinates
        `(n, e)`, whose distances say how alike the states of the particles are.
    seed
        Of which particles are looked at, if there are very many.
    """
    rows = np.random.default_rng(seed).permutation(len(z))[:MOST]
    z, true = np.asarray(z, np.float64)[rows], np.asarray(coordinates, np.float64)[rows]
    n = len(z)
    k = max(1, min(n - 1, round(NEIGHBOURS * n)))
    if n < 2:
        return LatentScores(float("nan"), float("nan"), float("nan"))
    near = cKDTree(z).query(z, k + 1)[1]
    # A particle is its own nearest, unless others lie in the very same place.
    near = np.array([row[row != i][:k] for i, row in enumerate(near)])
    states, state = np.unique(true, axis=0, return_inverse=True)
    between = np.linalg.norm(states[:, None] - states[None], axis=-1)
    order = np.argsort(between, axis=1)
    size = np.bincount(state, minlength=len(states))
    # One less at the front: a particle is no neighbour of itself.
    reached = np.cumsum(size[order], axis=1) - 1
    last = np.take_along_axis(order, np.argmax(reached >= k, axis=1)[:, None], 1)
    radius = np.take_along_axis(between, last, 1)[:, 0] * (1 + 1e-9)
    within = between <= radius[:, None]
    similarity = within[state[:, None], state[near]].mean()
    chance = (((within * size).sum(1) - 1) / (n - 1))[state].mean()
    spread = true.var(0).sum()
    missed = (true[near].mean(1) - true).var(0).sum()
    # The mean of k neighbours wavers by 1/k even where they are told apart by nothing.
    explained = 1 - missed / (spread * (1 + 1 / k)) if spread > 0 else float("nan")
    return LatentScores(float(similarity), float(chance), float(explained))
