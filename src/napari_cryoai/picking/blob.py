"""Training-free detection of particles of one size: the `blob` detector.

Nothing is known but the diameter. The strongest blobs of the micrograph itself are averaged into
a radial profile, the profile is searched for, and the best matches are averaged again. So hollow
shells, solid particles and whatever halo the defocus puts around them each get their own template.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryoai.picking.correlate import Correlator, disc
from napari_cryoai.picking.peaks import find_peaks
from napari_cryoai.picking.preprocess import DIAMETER_PX, Prepared

Image = NDArray[np.float32]

TEMPLATE_RADIUS = 1.75 * DIAMETER_PX / 2
"""The template reaches beyond the particle, over the fringe that sets it off its surroundings."""

PEAK_DISTANCE = 0.7 * DIAMETER_PX
"""Centres of neighbours: the diameter is the longest extent, so touching particles come closer."""

ROUNDS = 4


def detect_blobs(prepared: Prepared) -> tuple[NDArray[np.float64], NDArray[np.float32], Image]:
    """Find particles by a radial template that the micrograph itself provides.

    Returns
    -------
    yx
        `(n, 2)` centres on the prepared grid, best first, down to a correlation of 0.
    score
        `(n,)` correlation coefficients.
    template
        The last template, `(2 h + 1, 2 h + 1)`.
    """
    mask, distance = disc(TEMPLATE_RADIUS)
    correlator = Correlator(prepared.white, mask)
    sigma = DIAMETER_PX / 2 / np.sqrt(2)  # the Laplacian of Gaussian's best answer to a disc
    yx, score = find_peaks(-ndimage.gaussian_laplace(prepared.white, sigma), PEAK_DISTANCE)
    room = prepared.white.size / DIAMETER_PX**2
    template = mask
    for _ in range(ROUNDS):
        exemplars = yx[: max(10, int(0.3 * min(len(yx), room)))]
        template = radial_average(prepared.white, exemplars, distance)
        yx, score = find_peaks(correlator.correlate(template), PEAK_DISTANCE)
    return yx, score, template


def search(image: Image, template: Image) -> Image:
    """The correlation with the template, for each pixel."""
    return Correlator(image, disc(TEMPLATE_RADIUS)[0]).correlate(template)


def radial_average(image: Image, yx: NDArray[np.float64], distance: Image) -> Image:
    """Average the image around points and over all directions.

    Parameters
    ----------
    distance
        `(2 h + 1, 2 h + 1)` distance of each pixel of the template from its centre.

    Returns
    -------
    template
        Of the shape of `distance`; zero if no point is far enough from the border.
    """
    half = distance.shape[0] // 2
    y, x = np.round(yx).astype(int).T
    inside = (np.minimum(y, x) >= half) & (y < image.shape[0] - half) & (x < image.shape[1] - half)
    crops = [
        image[a - half : a + half + 1, b - half : b + half + 1]
        for a, b in zip(y[inside], x[inside], strict=True)
    ]
    if not crops:
        return np.zeros_like(distance)
    return rotational_average(np.mean(crops, axis=0), distance)


def rotational_average(image: Image, distance: Image) -> Image:
    """The mean over all directions at each distance from the centre, linear between pixels."""
    below = distance.astype(np.intp).ravel()
    above_weight = distance.ravel() - below
    bins = int(below.max()) + 2
    weight = np.bincount(below, 1 - above_weight, bins)
    weight += np.bincount(below + 1, above_weight, bins)
    total = np.bincount(below, (1 - above_weight) * image.ravel(), bins)
    total += np.bincount(below + 1, above_weight * image.ravel(), bins)
    profile = total / np.maximum(weight, 1e-9)
    return np.interp(distance, np.arange(bins), profile).astype(np.float32)
