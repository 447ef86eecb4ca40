"""Particle images for the eye: filtered, and all with the same contrast."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Images = NDArray[np.float32]

LOW_PASS_A = 15.0
"""Resolution at which single particles are recognised by eye."""
_CONTRAST_PERCENT = (1.0, 99.5)


def low_passed(images: Images, pixel_size_A: float, resolution_A: float = LOW_PASS_A) -> Images:
    """`(m, n, n)` images without what is finer; a Gaussian of which half is left at `resolution_A`.

    Images whose pixels are coarser than that are returned as they are.
    """
    if not len(images) or 2 * pixel_size_A >= resolution_A:
        return images
    n = images.shape[-1]
    gy, gx = fft.fftfreq(n, pixel_size_A)[:, None], fft.rfftfreq(n, pixel_size_A)
    pass_ = np.exp2(-(gy**2 + gx**2) * resolution_A**2).astype(np.float32)
    filtered: Images = fft.irfft2(fft.rfft2(images) * pass_, (n, n))
    return filtered


def common_contrast(images: Images) -> tuple[float, float]:
    """Grey values of black and white that suit a sample of `(m, n, n)` images together."""
    if not images.size:
        return 0.0, 1.0
    low, high = np.percentile(images, _CONTRAST_PERCENT)
    return float(low), float(high if high > low else low + 1)


def as_grey(images: Images, contrast: tuple[float, float]) -> NDArray[np.uint8]:
    """`(m, n, n)` images as 8 bits a pixel."""
    low, high = contrast
    return np.clip((images - low) * (255 / (high - low)), 0, 255).astype(np.uint8)
