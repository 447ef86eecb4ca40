"""Locally normalised correlation of an image with templates, in Fourier space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Image = NDArray[np.float32]


class Correlator:
    """Correlates one image with any number of small templates.

    The correlation coefficient of a template with the image under it, as in Roseman (2003),
    Ultramicroscopy 94: mean and variance of the image are taken under the same mask. Where the
    image is much flatter than usual the variance is not trusted, so that nothing there scores.

    Parameters
    ----------
    image
        `(ny, nx)`, mirrored at its borders.
    mask
        `(2 h + 1, 2 h + 1)` weights of the template's pixels.
    """

    def __init__(self, image: Image, mask: Image):
        self.shape = image.shape
        self.half = mask.shape[0] // 2
        self.mask = mask / mask.sum()
        padded = np.pad(image, self.half, mode="symmetric")
        self._padded_shape = tuple(fft.next_fast_len(n, real=True) for n in padded.shape)
        self._transform = fft.rfft2(padded, self._padded_shape)
        mean = self._correlate(self._transform, self.mask)
        squares = fft.rfft2(padded * padded, self._padded_shape)
        variance = self._correlate(squares, self.mask) - mean * mean
        self._spread = np.sqrt(np.maximum(variance, 0.25 * np.median(variance)))

    def correlate(self, template: Image) -> Image:
        """Correlation coefficients, `(ny, nx)`, of a template of the mask's shape."""
        centred = template - (template * self.mask).sum()
        kernel = centred * self.mask
        norm = np.sqrt((centred * kernel).sum())
        return self._correlate(self._transform, kernel) / (norm * self._spread)

    def _correlate(self, transform: NDArray[np.complexfloating], kernel: Image) -> Image:
        padded = np.zeros(self._padded_shape, np.float32)
        padded[: kernel.shape[0], : kernel.shape[1]] = kernel
        product = transform * np.conj(fft.rfft2(padded))
        ny, nx = self.shape
        return np.asarray(fft.irfft2(product, self._padded_shape)[:ny, :nx], np.float32)


def disc(radius: float) -> tuple[Image, Image]:
    """A soft-edged disc and the distance of its pixels from the centre."""
    half = int(np.ceil(radius)) + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    distance = np.hypot(y, x).astype(np.float32)
    return np.clip(radius + 0.5 - distance, 0, 1), distance
