"""Where not to pick: dead borders, contamination and carbon, from classical features.

All is done on a grid twice as coarse as the prepared one: a particle is `SIZE` pixels wide.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryoai.picking.preprocess import DIAMETER_PX, Prepared, bin_mean, smooth
from napari_cryoai.picking.threshold import otsu

Image = NDArray[np.float32]
Mask = NDArray[np.bool_]

COARSER = 2
SIZE = DIAMETER_PX // COARSER

OUTLIER = 6.0
"""Standard deviations from the typical particle at which an object is no particle."""

CARBON_STEP = 5.0
"""Step between two regions, in standard deviations within them, that makes one of them carbon."""


def find_junk(prepared: Prepared, particles_yx: NDArray[np.float64]) -> Mask:
    """Mark what cannot be a particle.

    Parameters
    ----------
    particles_yx
        `(n, 2)` centres of likely particles on the prepared grid, best first: they say what
        contrast a particle has.

    Returns
    -------
    junk
        bool, over the whole micrograph, on a grid `COARSER` times coarser than the prepared one.
    """
    raw = bin_mean(prepared.raw, COARSER)
    return dead_border(raw) | contamination(raw, particles_yx / COARSER) | carbon(raw)


def lies_in(mask: Mask, yx_px: NDArray[np.float64], shape: tuple[int, int]) -> Mask:
    """`(n,)` bool: which points of a micrograph of `shape` lie on a coarse mask over all of it."""
    index = (yx_px + 0.5) * (np.array(mask.shape) / np.array(shape))
    y, x = np.clip(index.astype(int), 0, np.array(mask.shape) - 1).T
    return mask[y, x]


def dead_border(raw: Image) -> Mask:
    """Strips along the border without image: constant, or one row of pixels repeated.

    Motion correction and filtering leave such strips; they are flat along one axis at least.
    """
    flat = np.zeros(raw.shape, np.bool_)
    for axis in (0, 1):
        change = np.abs(np.diff(raw, axis=axis, append=np.take(raw, [-1], axis)))
        local = ndimage.uniform_filter(change, 5)
        flat |= local < 0.25 * np.median(local)
    flat = ndimage.binary_opening(flat, iterations=1)
    return _touching_border(ndimage.binary_dilation(flat, iterations=2), depth=2)


def contamination(raw: Image, particles_yx: NDArray[np.float64]) -> Mask:
    """Ice crystals, drops and dense aggregates: far darker or brighter than the particles are."""
    local = ndimage.gaussian_filter(raw - smooth(raw, 3 * SIZE), SIZE / 4)
    y, x = np.round(particles_yx).astype(int).T
    typical = local[y.clip(0, raw.shape[0] - 1), x.clip(0, raw.shape[1] - 1)]
    typical = typical if len(typical) >= 10 else local.ravel()
    middle, spread = _robust(typical)
    # A particle may be faint, so that the background, at 0, is never an outlier either.
    reach = abs(middle) + OUTLIER * spread
    return ndimage.binary_dilation(np.abs(local) > reach, _ball(SIZE // 2))


def carbon(raw: Image) -> Mask:
    """A region along the border that differs from the rest in brightness or in texture."""
    texture = raw - ndimage.gaussian_filter(raw, 1)
    power = np.log(smooth(texture * texture, SIZE) + 1e-12)
    return _odd_region(smooth(raw, SIZE)) | _odd_region(power)


def _odd_region(feature: Image) -> Mask:
    """The smaller of two regions between which a feature steps, if it steps clearly."""
    upper = feature > otsu(feature)
    share = float(upper.mean())
    if not 0.01 < share < 0.99:
        return np.zeros_like(upper)
    inside, outside = feature[upper], feature[~upper]
    within = np.sqrt(share * inside.var() + (1 - share) * outside.var())
    if inside.mean() - outside.mean() < CARBON_STEP * within:
        return np.zeros_like(upper)
    return _touching_border(upper if share < 0.5 else ~upper, depth=SIZE)


def _touching_border(mask: Mask, depth: int) -> Mask:
    """The connected regions that come within `depth` pixels of the image's border."""
    labels, _ = ndimage.label(mask)
    frame = np.ones(mask.shape, np.bool_)
    frame[depth:-depth, depth:-depth] = False
    touching = np.unique(labels[frame])
    return np.asarray(np.isin(labels, touching[touching > 0]))


def _ball(radius: int) -> Mask:
    y, x = np.ogrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(y * y + x * x <= radius * radius)


def _robust(values: NDArray[np.floating]) -> tuple[float, float]:
    """Median, and standard deviation by the median absolute deviation."""
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))
