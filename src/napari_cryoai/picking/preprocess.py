"""A micrograph made ready for picking: one particle size, even background, white noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Image = NDArray[np.float32]

TINY = float(np.finfo(np.float32).tiny)

DIAMETER_PX = 22
"""What the particle's diameter measures after resampling; every later length is relative to it."""

BLUR_PX = 0.5
"""Blur of the whitened image: frequencies next to Nyquist hold noise only."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A micrograph on the grid where all particles are `DIAMETER_PX` wide; density is bright.

    Attributes
    ----------
    raw
        `(ny, nx)`, resampled only.
    white
        `(ny, nx)`, even background and white noise of unit variance.
    transfer
        Amplitude that whitening gave to the frequencies `0, 1/64, ... 1/2` cycles per pixel.
    zoom
        `(2,)` pixels of the micrograph per pixel of this grid, y and x.
    """

    raw: Image
    white: Image
    transfer: NDArray[np.float64]
    zoom: NDArray[np.float64]

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing but what rounding leaves of a constant image."""
        return bool(np.ptp(self.raw) <= 5e-6 * np.abs(self.raw).max())

    def to_micrograph(self, yx: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points of this grid as pixels of the micrograph; pixel centres are whole numbers."""
        return (np.asarray(yx, float) + 0.5) * self.zoom - 0.5

    def from_micrograph(self, yx_px: NDArray[np.float64]) -> NDArray[np.float64]:
        """Inverse of `to_micrograph`."""
        return (np.asarray(yx_px, float) + 0.5) / self.zoom - 0.5


def prepare(pixels: NDArray[Any], diameter_px: float) -> Prepared:
    """Resample, level and whiten a micrograph.

    Parameters
    ----------
    pixels
        `(ny, nx)` as recorded, density dark.
    diameter_px
        Longest extent of the particle, in pixels of `pixels`.
    """
    small, zoom = resample(pixels, diameter_px)
    raw = -small
    white, transfer = whiten(level(raw))
    return Prepared(raw, white, transfer, zoom)


def resample(pixels: NDArray[Any], diameter_px: float) -> tuple[Image, NDArray[np.float64]]:
    """Resize so that `diameter_px` becomes `DIAMETER_PX`, keeping all frequencies that fit.

    A coarse mean over whole pixels comes first where there is much to gain; the rest is done on
    the cosine transform, whose mirrored borders do not ring as those of a Fourier transform do.

    Returns
    -------
    small
        The resized image. Rows and columns that do not fill a coarse pixel are left out.
    zoom
        `(2,)` pixels of the original per pixel of it, y and x.
    """
    factor = max(1, min(int(diameter_px / DIAMETER_PX / 2), *pixels.shape))
    ny, nx = whole = [n - n % factor for n in pixels.shape]
    image = bin_mean(pixels[:ny, :nx], factor)
    shape = [max(8, round(n * DIAMETER_PX / diameter_px)) for n in whole]
    small = _resample_axis(_resample_axis(image, shape[0], 0), shape[1], 1)
    return small, np.array(whole) / np.array(shape)


def _resample_axis(image: Image, n: int, axis: int) -> Image:
    """Cut or extend the cosine transform along one axis to `n`."""
    spectrum = fft.dct(image, norm="ortho", axis=axis, overwrite_x=True)
    before = spectrum.shape[axis]
    resized = np.zeros((n, image.shape[1]) if axis == 0 else (image.shape[0], n), np.float32)
    kept = (slice(min(n, before)), slice(None))[:: 1 if axis == 0 else -1]
    resized[kept] = spectrum[kept] * np.float32(np.sqrt(n / before))
    return np.asarray(fft.idct(resized, norm="ortho", axis=axis, overwrite_x=True), np.float32)


def bin_mean(pixels: NDArray[Any], factor: int) -> Image:
    """Mean over blocks of `factor` pixels a side; rows and columns left over are mirrored in."""
    if factor == 1:
        return np.array(pixels, np.float32)
    pad = [(0, -n % factor) for n in pixels.shape]
    if any(p[1] for p in pad):
        pixels = np.pad(pixels, pad, mode="symmetric")
    # Whole rows first: they lie together, on disk and in memory.
    rows = pixels[::factor].astype(np.float32)
    for y in range(1, factor):
        rows += pixels[y::factor]
    total = rows[:, ::factor].copy()
    for x in range(1, factor):
        total += rows[:, x::factor]
    total /= np.float32(factor**2)
    return total


def level(raw: Image) -> Image:
    """Take away what varies over more than a particle, and even out the contrast."""
    flat = raw - smooth(raw, DIAMETER_PX)
    spread = np.sqrt(smooth(flat * flat, 2 * DIAMETER_PX))
    typical = max(float(np.median(spread)), TINY)
    return np.clip(flat / np.maximum(spread, 0.3 * typical), -4, 4)


def smooth(image: Image, sigma: float) -> Image:
    """Gaussian low-pass; wide ones are done on a coarser grid, where they cost nothing."""
    step = max(1, int(sigma / 4))
    coarse = ndimage.gaussian_filter(bin_mean(image, step), sigma / step, truncate=3)
    if step == 1:
        return np.asarray(coarse, np.float32)
    ny, nx = ((np.arange(n) + 0.5) / step - 0.5 for n in image.shape)
    columns = _interpolate(np.ascontiguousarray(coarse.T), nx).T
    return _interpolate(np.ascontiguousarray(columns), ny)


def _interpolate(rows: Image, at: NDArray[np.float64]) -> Image:
    """Rows of an image at fractional indices, linear, held constant beyond the ends."""
    at = np.clip(at, 0, len(rows) - 1)
    below = np.minimum(at.astype(np.intp), max(len(rows) - 2, 0))
    weight = (at - below).astype(np.float32)[:, None]
    above = np.minimum(below + 1, len(rows) - 1)
    between = (rows[above] - rows[below]) * weight
    between += rows[below]
    return between


def whiten(image: Image) -> tuple[Image, NDArray[np.float64]]:
    """Divide by the rotationally averaged amplitude spectrum of the image itself.

    Correlation with a template is the best detector in white noise only (Turin 1960, the matched
    filter); the noise of a micrograph falls with frequency, so that without whitening the slow
    undulations of the background outweigh the particles.

    Returns
    -------
    white
        Zero mean, unit variance, values beyond 4 clipped.
    transfer
        `(33,)`, see `Prepared.transfer`; includes a Gaussian blur of `BLUR_PX`.
    """
    spectrum = fft.dctn(image, norm="ortho")
    gy, gx = (np.arange(n, dtype=np.float32) / (2 * n) for n in image.shape)
    frequency = np.hypot(gy[:, None], gx[None, :])
    shell = np.minimum((frequency * 128).astype(np.intp), 90)
    total = np.bincount(shell.ravel(), (spectrum * spectrum).ravel(), 91)
    power = total / np.maximum(np.bincount(shell.ravel(), minlength=91), 1)
    floor = max(float(power.max()) * 1e-9, TINY)
    log_power = ndimage.gaussian_filter1d(np.log(np.maximum(power, floor)), 1)
    knots = (np.arange(91) + 0.5) / 128
    blur = np.exp(-2 * (np.pi * knots * BLUR_PX) ** 2)
    gain = np.exp(-0.5 * log_power) * blur
    spectrum *= np.interp(frequency, knots, gain).astype(np.float32)
    spectrum[0, 0] = 0
    white = fft.idctn(spectrum, norm="ortho", overwrite_x=True)
    scale = 1 / max(float(white.std()), TINY)
    transfer = np.interp(np.linspace(0, 0.5, 33), knots, gain * scale)
    return np.clip(white * np.float32(scale), -4, 4), transfer
