"""Scores that mean what they say: of all picks at 0.8, eight in ten are right."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.floating]

LARGEST = 500.0
"""Logit of a probability; the exponential of a larger one may be no number."""

PULL = 32.0
"""Peaks that the expected share of particles is worth when that of a micrograph is estimated."""


class Calibration(NamedTuple):
    """A logistic curve from what the network says to a probability (Platt 1999).

    Attributes
    ----------
    slope, intercept
        Probability = `expit(slope * logit + intercept)`.
    threshold
        The probability from which on picks are kept.
    base
        Share of particles among the peaks that the curve was fitted to; 0: not known.
    """

    slope: float = 1.0
    intercept: float = 0.0
    threshold: float = 0.5
    base: float = 0.0

    def checked(self) -> Calibration:
        """Itself.

        Raises
        ------
        ValueError
            If it is no rising curve, or the threshold no probability.
        """
        if not (np.isfinite(self).all() and self.slope > 0):
            raise ValueError(f"{self} is no calibration")
        if not (0 <= self.threshold <= 1 and 0 <= self.base < 1):
            raise ValueError(f"{self} is no calibration")
        return self

    def probability(self, logit: Floats) -> NDArray[np.float32]:
        """Of being a particle."""
        return expit(self.slope * logit + self.intercept).astype(np.float32)

    def scores(self, logit: Floats, counted: NDArray[np.bool_] | None = None) -> Floats:
        """Of being a particle, given all the peaks of the micrograph.

        Where the peaks together speak for fewer particles than the curve was fitted to, all of them
        are less probable: noise has its high peaks too. The share of particles is estimated by
        expectation maximisation (Saerens, Latinne and Decaestecker 2002, Neural Computation 14).
        It is never raised: how crowded a micrograph is, the network has seen.

        Parameters
        ----------
        logit
            `(n,)`, all the peaks down to what the curve was fitted to.
        counted
            `(n,)` which of them the share is estimated from.
        """
        probability = self.probability(logit)
        if not self.base or not len(logit):
            return probability
        ratio = np.exp(np.minimum(self.slope * logit.astype(np.float64) + self.intercept, LARGEST))
        ratio *= (1 - self.base) / self.base
        share = _share(ratio if counted is None else ratio[counted], self.base)
        if share >= self.base:
            return probability
        return (share * ratio / (share * ratio + 1 - share)).astype(np.float32)

    def logit(self, probability: float) -> float:
        """What the network says at that probability."""
        return float((np.log(probability / (1 - probability)) - self.intercept) / self.slope)


def fit(logit: Floats, hit: NDArray[np.bool_], missed: int = 0) -> Calibration:
    """Fit the curve to peaks of which it is known whether they are particles.

    As Platt does, hits count as nearly 1 and the others as nearly 0, the more so the more there
    are: otherwise the curve would be infinitely steep where the two do not overlap.

    Parameters
    ----------
    logit, hit
        `(n,)` each.
    missed
        Particles without any peak; they matter to the threshold only.
    """
    from scipy.optimize import minimize  # slow to import

    x, hits = logit.astype(np.float64), int(hit.sum())
    others = len(hit) - hits
    if not hits or not others:
        return Calibration()
    y = np.where(hit, (hits + 1) / (hits + 2), 1 / (others + 2))

    def cost(parameters: NDArray[np.float64]) -> float:
        z = np.exp(parameters[0]) * x + parameters[1]
        return float(np.mean(np.logaddexp(0, z) - y * z))

    log_slope, intercept = minimize(cost, np.zeros(2), method="Nelder-Mead").x
    curve = Calibration(float(np.exp(log_slope)), float(intercept), base=hits / len(hit))
    return curve._replace(threshold=best_threshold(curve.probability(logit), hit, missed))


def _share(ratio: NDArray[np.float64], base: float) -> float:
    """Share of particles that makes likelihood ratios most likely, with a slight pull to `base`."""
    share = base
    for _ in range(500):
        posterior = share * ratio / (share * ratio + 1 - share)
        before, share = share, (posterior.sum() + PULL * base) / (len(ratio) + PULL)
        if abs(share - before) < 1e-5:
            break
    return float(share)


def best_threshold(probability: Floats, hit: NDArray[np.bool_], missed: int) -> float:
    """Where F1 is highest."""
    order = np.argsort(-probability, kind="stable")
    ranked = probability[order]
    f1 = 2 * np.cumsum(hit[order]) / (np.arange(1, len(hit) + 1) + hit.sum() + missed)
    last_of_its_score = np.append(ranked[1:] < ranked[:-1], True)
    return float(ranked[np.argmax(np.where(last_of_its_score, f1, -1))])


def keeping(probability: Floats, least: float) -> float:
    """The threshold for a set of micrographs: where the F1 to be expected is highest.

    Of some picks the sum of their probabilities is expected to be right. The threshold is half of
    the best F1 (Lipton, Elkan and Naryanaswamy 2014, arXiv 1402.1892): where most particles are
    certain, doubtful ones are dropped that one would keep elsewhere.

    Parameters
    ----------
    probability
        `(n,)` of all peaks.
    least
        The threshold is never lower: some micrographs have no particles.
    """
    if not len(probability):
        return least
    ranked = np.sort(probability.astype(np.float64))[::-1]
    f1 = 2 * np.cumsum(ranked) / (np.arange(1, len(ranked) + 1) + ranked.sum())
    return max(least, float(f1.max()) / 2)


def expected_best_threshold(probability: Floats, label: Floats) -> float:
    """Where the F1 to be expected is highest, if `label` are the probabilities to be right."""
    order = np.argsort(-probability, kind="stable")
    right = label[order].astype(np.float64)
    f1 = 2 * np.cumsum(right) / (np.arange(1, len(right) + 1) + right.sum())
    return float(probability[order][np.argmax(f1)])


def calibration_error(probability: Floats, hit: NDArray[np.bool_], bins: int = 10) -> float:
    """Mean distance of the share of hits from the probability, over bins of it.

    The expected calibration error (Guo et al. 2017, arXiv 1706.04599).
    """
    if not len(probability):
        return 0.0
    index = np.minimum((probability * bins).astype(int), bins - 1)
    surplus = np.bincount(index, probability - hit, bins)
    return float(np.abs(surplus).sum() / len(probability))
