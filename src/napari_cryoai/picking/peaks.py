"""Peaks of a score map: separated, with sub-pixel centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryoai.core.thinning import thin


def find_peaks(
    scores: NDArray[np.float32], distance: float, floor: float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Local maxima above `floor`, none closer to a better one than `distance` pixels.

    Returns
    -------
    yx
        `(n, 2)` sub-pixel centres, best first.
    score
        `(n,)` values of the map at the maxima.
    """
    maxima = (scores == ndimage.maximum_filter(scores, 3)) & (scores > floor)
    y, x = np.nonzero(maxima)
    value = scores[y, x]
    best_first = np.argsort(-value, kind="stable")
    y, x, value = y[best_first], x[best_first], value[best_first]
    survives = thin(np.column_stack([y, x]), value, distance)
    y, x, value = y[survives], x[survives], value[survives]
    padded = np.pad(scores, 1, mode="edge")
    dy = _vertex(padded[y, x + 1], value, padded[y + 2, x + 1])
    dx = _vertex(padded[y + 1, x], value, padded[y + 1, x + 2])
    return np.column_stack([y + dy, x + dx]), value


def _vertex(
    left: NDArray[np.float32], middle: NDArray[np.float32], right: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Where the parabola through three neighbouring values, the middle one largest, peaks."""
    curvature = left.astype(float) - 2 * middle + right
    flat = curvature > -1e-12
    shift = 0.5 * (left - right) / np.where(flat, -1, curvature)
    return np.where(flat, 0.0, np.clip(shift, -0.5, 0.5))
