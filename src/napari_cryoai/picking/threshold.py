"""A score threshold from the scores themselves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryoai.picking.peaks import find_peaks
from napari_cryoai.picking.preprocess import BLUR_PX

Image = NDArray[np.float32]


def choose_threshold(score: NDArray[np.float32], noise_level: float) -> float:
    """Where particles part from background: Otsu's cut, but never below what noise can reach.

    Otsu (1979, IEEE Trans. SMC 9) splits the scores into the two groups that vary least within.
    On a micrograph without particles there are no two groups; `noise_level` then keeps the picks
    away.
    """
    finite = score[np.isfinite(score)]
    if len(finite) < 2 or finite.min() == finite.max():
        return noise_level
    return max(otsu(finite, 128), noise_level)


def otsu(values: NDArray[np.floating], bins: int = 256) -> float:
    """The cut with the greatest variance between the two groups: the middle of a histogram bin.

    Values that are all alike are their own cut.
    """
    # In double precision the bins differ even if the values hardly do.
    counts, edges = np.histogram(values.astype(np.float64), bins)
    if values.min() == values.max():
        return float(values.flat[0])
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = values.size - below
    total = np.cumsum(counts * middles)
    between = total[:-1] / below - (total[-1] - total[:-1]) / above
    return float(middles[np.argmax(below * above * between**2)])


def noise_level(
    search: Callable[[Image], Image], distance: float, quantile: float = 0.95, size: int = 512
) -> float:
    """The score below which `quantile` of the peaks of pure noise stay.

    The image searched is white but for a slight blur, by construction; so this is found by
    searching noise of our own, blurred alike, in the same way.

    Parameters
    ----------
    search
        Takes an image to its scores.
    distance
        Between peaks, as in the search for particles.
    size
        Of the square of noise, in pixels.
    """
    noise = np.random.default_rng(0).standard_normal((size, size), np.float32)
    _, score = find_peaks(search(ndimage.gaussian_filter(noise, BLUR_PX)), distance)
    return float(np.quantile(score, quantile)) if len(score) else 0.0
