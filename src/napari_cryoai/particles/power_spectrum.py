"""The average power spectrum of a micrograph, where the rings of its CTF are seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from napari_cryoai.core.errors import CryoAIError

Floats = NDArray[np.float32]

PATCH_A = 800.0
"""Side of a patch. It has to hold what the CTF spreads: 280 A at 3.5 um of defocus and 5 A."""
FINEST_A = 2.8
"""Finest resolution kept, unless more is asked for; rings beyond are hardly ever there."""
HANN_NEIGHBOURS = (1 + 2 * (2 / 3) ** 2 + 2 * (1 / 6) ** 2) ** 2
"""Frequencies that share their noise, for the window correlates neighbours: 3.8."""
_DEGREE = 8
_FEWEST = 4
_JUNK_SIGMAS = 4.0


@dataclass(frozen=True, eq=False)
class PowerSpectrum:
    """Average power over the patches of a micrograph.

    Attributes
    ----------
    power
        `(n, n // 2 + 1)` float64, laid out as `rfft2` has it.
    step
        Distance of two frequencies in 1/A: one over the side of a patch.
    patches, rejected
        How many are averaged, and how many were left out as junk.
    """

    power: NDArray[np.float64]
    step: float
    patches: int
    rejected: int

    @property
    def nyquist(self) -> float:
        """The largest frequency in all directions, in 1/A."""
        return self.step * (len(self.power) // 2)

    @cached_property
    def g(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Frequencies in 1/A, `(n, 1)` and `(1, n // 2 + 1)`."""
        n = len(self.power)
        side = 1 / self.step
        return fft.fftfreq(n, side / n)[:, None], fft.rfftfreq(n, side / n)[None, :]

    @cached_property
    def radius(self) -> NDArray[np.float64]:
        """Length of each frequency, in steps."""
        gy, gx = self.g
        radius: NDArray[np.float64] = np.hypot(gy, gx) / self.step
        return radius

    @cached_property
    def whitened(self) -> NDArray[np.float64]:
        """Power over its smooth radial background, minus one: the rings, on noise of one strength.

        The background is a polynomial through the logarithm of the radial average.
        """
        smooth = np.exp(_smooth(np.log(self.radial_average(self.power))))
        at = np.minimum(self.radius, len(smooth) - 1)
        return self.power / np.interp(at, np.arange(len(smooth)), smooth) - 1

    def radial_average(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean over each circle, from frequency 0 to the last step before Nyquist."""
        shell = np.rint(self.radius).astype(np.intp)
        count = np.bincount(shell.ravel())
        mean = np.bincount(shell.ravel(), values.ravel()) / count
        return mean[: len(self.power) // 2]


def power_spectrum(
    pixels: NDArray[np.generic], pixel_size_A: float, finest_A: float = FINEST_A
) -> PowerSpectrum:
    """Average the power of half-overlapping patches that are not junk.

    Each patch is multiplied with a Hann window, against streaks from its edges, and its spectrum
    divided by its own mean power, against patches that are brighter or dirtier than the others.
    Of a fine pixel only frequencies up to `finest_A` are kept, as if it had been binned.

    Parameters
    ----------
    pixels
        `(ny, nx)` micrograph.
    finest_A
        Up to which resolution.

    Raises
    ------
    CryoAIError
        If the micrograph is too small, or the same everywhere.
    """
    n = fft.next_fast_len(round(PATCH_A / pixel_size_A), real=True)
    n += n % 2
    n = min(n, min(pixels.shape) // 2 * 2)
    if n * pixel_size_A < PATCH_A / 2:
        raise CryoAIError(
            f"is too small to see rings: {pixels.shape[1]} x {pixels.shape[0]} pixels of "
            f"{pixel_size_A:g} A",
            remedy="Check the pixel size; a micrograph has at least 400 A on each side",
        )
    kept = min(n // 2, math.ceil(n * pixel_size_A / finest_A))
    powers = _patch_powers(pixels, n, kept)
    clean = _clean(powers)
    power = np.zeros(powers.shape[1:])
    for i in np.flatnonzero(clean):
        power += powers[i] / (powers[i].mean(dtype=np.float64) * clean.sum())
    return PowerSpectrum(power, 1 / (n * pixel_size_A), int(clean.sum()), int((~clean).sum()))


def _patch_powers(pixels: NDArray[np.generic], n: int, kept: int) -> Floats:
    """`(patches, 2 kept, kept + 1)`: power of each patch, cropped."""
    window = np.hanning(n + 1)[:n].astype(np.float32)
    starts = [_starts(side, n) for side in pixels.shape]
    powers = []
    for y in starts[0]:
        row = np.stack([pixels[y : y + n, x : x + n] for x in starts[1]]).astype(np.float32)
        row -= row.mean((1, 2), keepdims=True)
        row *= window[:, None] * window
        spectra = fft.rfft2(row, workers=-1)[..., : kept + 1]
        spectra = np.concatenate([spectra[:, :kept], spectra[:, -kept:]], 1)
        powers.append(spectra.real**2 + spectra.imag**2)
    return np.concatenate(powers)


def _starts(side: int, n: int) -> list[int]:
    """Evenly spread beginnings of patches that overlap by half or a little more."""
    count = max(1, math.ceil(2 * side / n) - 1)
    return np.rint(np.linspace(0, side - n, count)).astype(int).tolist()


def _clean(powers: Floats) -> NDArray[np.bool_]:
    """Which patches are neither blank nor far stronger or weaker than most, in what rings show."""
    strength = powers[:, 2:-2, 2:].mean((1, 2), dtype=np.float64)
    live = strength > 0
    if not live.any():
        raise CryoAIError(
            "has the same value everywhere",
            remedy="Repeat the motion correction of this micrograph, or leave it out",
        )
    level = np.log(np.where(live, strength, 1.0))
    middle = np.median(level[live])
    spread = 1.4826 * np.median(np.abs(level[live] - middle))
    clean: NDArray[np.bool_] = live & (np.abs(level - middle) <= max(_JUNK_SIGMAS * spread, 0.1))
    return clean if clean.sum() >= min(_FEWEST, live.sum()) else live


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A polynomial through a radial curve, which counts where many frequencies are."""
    x = np.linspace(-1, 1, len(values))
    weight = np.sqrt(np.arange(len(values)))
    weight[:4] = 0  # the Hann window spreads the mean over the first few
    fitted = np.polynomial.chebyshev.Chebyshev.fit(x, values, _DEGREE, w=weight, domain=[-1, 1])
    return fitted(x)
