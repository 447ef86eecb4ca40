"""Peaks of a score map: separated, with sub-pixel centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


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
    padded = np.pad(scores, 1, mode="reflect")  # so that no peak on the border moves off the image
    y, x = np.nonzero((scores == _highest_of_nine(padded)) & (scores > floor))
    value = scores[y, x]
    best_first = np.argsort(-value, kind="stable")
    y, x, value = y[best_first], x[best_first], value[best_first]
    survives = _far_from_better(y, x, scores.shape, distance)
    y, x, value = y[survives], x[survives], value[survives]
    dy = _vertex(padded[y, x + 1], value, padded[y + 2, x + 1])
    dx = _vertex(padded[y + 1, x], value, padded[y + 1, x + 2])
    return np.column_stack([y + dy, x + dx]), value


def _highest_of_nine(padded: NDArray[np.float32]) -> NDArray[np.float32]:
    """The highest of each pixel and its neighbours; the edge pixels of `padded` have none."""
    rows = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
    return np.maximum(np.maximum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def _far_from_better(
    y: NDArray[np.intp], x: NDArray[np.intp], shape: tuple[int, int], distance: float
) -> list[int]:
    """The rows, best first, that no better one of the list comes closer to than `distance`.

    The same choice as `core.thinning.thin` makes, on pixels: each that is taken blocks a disc.
    """
    reach = int(np.ceil(distance))
    dy, dx = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.hypot(dy, dx) < distance
    blocked = np.zeros((shape[0] + 2 * reach, shape[1] + 2 * reach), np.bool_)
    taken = []
    for i, (row, column) in enumerate(zip(y.tolist(), x.tolist(), strict=True)):
        if not blocked[row + reach, column + reach]:
            taken.append(i)
            blocked[row : row + 2 * reach + 1, column : column + 2 * reach + 1] |= disc
    return taken


def _vertex(
    left: NDArray[np.float32], middle: NDArray[np.float32], right: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Where the parabola through three neighbouring values, the middle one largest, peaks."""
    curvature = left.astype(float) - 2 * middle + right
    flat = curvature > -1e-12
    shift = 0.5 * (left - right) / np.where(flat, -1, curvature)
    return np.where(flat, 0.0, np.clip(shift, -0.5, 0.5))
