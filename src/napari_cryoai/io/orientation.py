"""Do these coordinates lie on this image, or on its mirror image?

Programs disagree on where a micrograph begins, and a flipped set of picks looks plausible: on a
crowded micrograph a third of the boxes still hit a particle. But particles are dark, and only the
right one of the eight ways to lay out rows and columns finds darkness under every centre.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_cryoai.core.geometry import Orientation

_DIAMETER_BINS = 8
"""Pixels that a particle spans in the copy that is looked at."""
_OUTSIDE = -1.0
"""Score of a centre that falls off the image."""
_MIN_PICKS = 10
_SIGMAS = 4.0


def orientation_scores(
    yx_px: NDArray[np.float64], micrograph_pixels: NDArray[Any], diameter_px: float
) -> dict[Orientation, float]:
    """Mean darkness under the centres, for each of the eight orientations.

    Parameters
    ----------
    yx_px
        `(n, 2)` centres as read.
    micrograph_pixels
        `(ny, nx)`, particles dark.
    diameter_px
        Of the particles.

    Returns
    -------
    scores
        In robust standard deviations of the darkness over the image: about 0 for centres placed
        at random, with a standard error of `1 / sqrt(n)`.
    """
    factor = max(1, round(diameter_px / _DIAMETER_BINS))
    darkness = _darkness(_binned(micrograph_pixels, factor), diameter_px / factor)
    shape = micrograph_pixels.shape[0], micrograph_pixels.shape[1]
    return {
        orientation: _mean_under(darkness, orientation.apply(yx_px, shape), factor)
        for orientation in Orientation.all()
    }


def suggest_orientation(
    yx_px: NDArray[np.float64], micrograph_pixels: NDArray[Any], diameter_px: float
) -> Orientation | None:
    """The orientation that the picks were probably made in; None if they are right as read.

    Another one is suggested only if it is better by four standard errors and as read the centres
    find less than half of its darkness.
    """
    if len(yx_px) < _MIN_PICKS:
        return None
    scores = orientation_scores(yx_px, micrograph_pixels, diameter_px)
    as_read = scores[Orientation()]
    best = max(scores, key=scores.__getitem__)
    gain = scores[best] - as_read
    is_better = gain > _SIGMAS * np.sqrt(2 / len(yx_px)) and as_read < scores[best] / 2
    return best if is_better else None


def _binned(pixels: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Means of blocks; what does not fill a block at the end is left out."""
    ny, nx = (max(1, n // factor) for n in pixels.shape)
    whole = pixels[: ny * factor, : nx * factor]
    blocks = whole.reshape(ny, whole.shape[0] // ny, nx, whole.shape[1] // nx)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))


def _darkness(image: NDArray[np.float32], diameter: float) -> NDArray[np.float64]:
    """How much darker a spot of the particle's size is than its surroundings, as a z score.

    The spot is wide enough to hold the shell of a hollow particle, whose middle is bright.
    """
    around, spot = (gaussian_filter(image, width * diameter) for width in (0.5, 0.4))
    dark = np.asarray(around, np.float64) - spot
    dark -= np.median(dark)
    spread = 1.4826 * float(np.median(np.abs(dark)))
    return np.asarray(np.clip(dark / spread, -4, 4) if spread > 0 else dark * 0)


def _mean_under(darkness: NDArray[np.float64], yx_px: NDArray[np.float64], factor: int) -> float:
    if not len(yx_px):
        return 0.0
    index = np.floor((yx_px + 0.5) / factor).astype(int)
    inside = ((index >= 0) & (index < darkness.shape)).all(1)
    values = np.full(len(yx_px), _OUTSIDE)
    values[inside] = darkness[tuple(index[inside].T)]
    return float(values.mean())
