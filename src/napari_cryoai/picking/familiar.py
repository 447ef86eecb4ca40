"""Whether a micrograph is like those that a network has learned from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

SHRINKAGE = 0.05
"""Share of the mean variance in the covariance; there are not many fields to estimate it from."""

ROOM = 1.5
"""How much farther than the farthest field of the validation is still familiar."""


class Familiar(NamedTuple):
    """What the features of familiar micrographs are like: mean and spread, over each of them.

    Attributes
    ----------
    mean
        `(c,)`.
    whitening
        `(c, c)`: takes differences from the mean to even spread.
    limit
        The distance that is still familiar.
    """

    mean: Floats
    whitening: Floats
    limit: float

    def strangeness(self, features: Floats) -> float:
        """How far a micrograph is from what was learned, over what is familiar; strange above 1.

        The Mahalanobis distance of the features' mean, as Lee et al. (2018, arXiv 1807.03888)
        tell unfamiliar images.

        Parameters
        ----------
        features
            `(c, h, w)` of the micrograph.
        """
        return float(self.distance(summary(features)) / self.limit)

    def distance(self, of_field: Floats) -> Floats:
        """Of `(..., c)` summaries from the mean."""
        away = (np.asarray(of_field, np.float64) - self.mean) @ np.asarray(self.whitening).T
        return np.asarray(np.sqrt(np.mean(away**2, axis=-1)))


def summary(features: Floats) -> NDArray[np.float64]:
    """`(c,)`: the mean over `(c, h, w)`."""
    return np.asarray(features, np.float64).mean((1, 2))


def fit(summaries: Floats) -> Familiar:
    """Learn from `(n, c)` summaries what is familiar."""
    mean = summaries.mean(0)
    spread = np.cov(summaries, rowvar=False, bias=True)
    spread = spread + SHRINKAGE * max(np.trace(spread) / len(spread), 1e-12) * np.eye(len(spread))
    values, vectors = np.linalg.eigh(spread)
    found = Familiar(mean, (vectors / np.sqrt(values)).T, 1.0)
    return found._replace(limit=float(ROOM * np.max(found.distance(summaries))))
