"""Fits that stay near what was known before, the nearer the less there is to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from napari_cryoai.picking.calibration import Calibration

Floats = NDArray[np.float64]

FREEDOM = 0.4
"""Root mean square of what the prior lets the logits change by, over all cells."""

FREEDOM_OF_BIAS = 1.0
SLOPE_SPREAD, INTERCEPT_SPREAD = 0.3, 0.7
"""Standard deviations of the priors: of the bias, and of how the calibration changes."""


@dataclass(frozen=True, eq=False)
class Prior:
    """How far the last layer may go from where it is.

    Attributes
    ----------
    mean
        `(c,)` of what the layer is shown, over all cells.
    precision
        `(c + 1, c + 1)` of weights and bias.
    """

    mean: Floats
    precision: Floats


def prior_of(hidden: Sequence[NDArray[np.floating]]) -> Prior:
    """Of the spread of what the layer is shown: what varies little may change much.

    Parameters
    ----------
    hidden
        `(c, h, w)` of each micrograph; they are gone through one by one, to save memory.
    """
    count, number = len(hidden[0]), sum(one[0].size for one in hidden)
    mean = np.sum([one.sum((1, 2), dtype=np.float64) for one in hidden], 0) / number
    spread = np.zeros((count, count))
    for one in hidden:
        away = one.reshape(count, -1) - mean[:, None]
        spread += away @ away.T / number
    spread += 1e-3 * np.trace(spread) / count * np.eye(count)
    precision = np.zeros((count + 1, count + 1))
    precision[:-1, :-1] = spread * count / FREEDOM**2
    precision[-1, -1] = 1 / FREEDOM_OF_BIAS**2
    return Prior(mean, precision)


def fit_map(
    shown: Floats, start: Floats, label: Floats, weight: Floats, prior: Prior, slope: float = 1.0
) -> tuple[Floats, float]:
    """Logistic regression: the change of weights and bias that is most probable a posteriori.

    By Newton's method, no step of which changes a logit by more than 3.

    Parameters
    ----------
    shown
        `(n, c)`.
    start
        `(n,)` logits before the change.
    label, weight
        `(n,)` probability that the answer is yes, and how much each counts.
    slope
        Of the logits in what the layer says.
    """
    x = slope * np.column_stack([shown - prior.mean, np.ones(len(shown))])
    change = np.zeros(x.shape[1])
    for _ in range(20):
        p = expit(start + x @ change)
        slope_down = x.T @ (weight * (p - label)) + prior.precision @ change
        curvature = (x * (weight * np.maximum(p * (1 - p), 1e-4))[:, None]).T @ x
        step = np.linalg.solve(curvature + prior.precision, slope_down)
        largest = float(np.abs(x @ step).max())
        change -= step * min(1.0, 3 / max(largest, 1e-9))
        if largest < 1e-4:
            break
    return change[:-1], float(change[-1] - change[:-1] @ prior.mean)


def calibrated(
    score: Floats, label: Floats, weight: Floats, before: Calibration, shift: Floats
) -> Calibration:
    """Platt's curve with priors around the old one."""

    def cost(change: Floats) -> float:
        z = before.slope * np.exp(change[0]) * score + before.intercept + change[1] + shift
        misfit = np.sum(weight * (np.logaddexp(0, z) - label * z))
        drift = (change[0] / SLOPE_SPREAD) ** 2 + (change[1] / INTERCEPT_SPREAD) ** 2
        return float(misfit + drift / 2)

    slope, intercept = minimize(cost, np.zeros(2), method="Nelder-Mead").x
    return before._replace(
        slope=float(before.slope * np.exp(slope)), intercept=float(before.intercept + intercept)
    )
