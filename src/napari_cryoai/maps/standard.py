"""Maps as the networks see them: on one grid, with one spectrum; and the way back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from napari_cryoai.maps.evidence import Evidence
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real
from napari_cryoai.physics.gaussian import blurred

PIXEL_A = 1.5
"""Of the networks' grid; a map's may differ a little, so that the box is a whole number of it."""

CURVE_A = 3.0
BINS = 16
"""The networks are told the FSC in so many bins, up to this resolution."""

AROUND_PX = 4.0
"""Standard deviation of the Gaussian in which the local contrast is taken."""

_B_A2, _OUTLINE_A = 60.0, 12.0


@dataclass(frozen=True, eq=False)
class Standardised:
    """A half map on the networks' grid.

    Attributes
    ----------
    density
        `(nz, ny, nx)` weighted by what is known of each shell, and of the standard spectrum.
    contrast
        Logarithm of the local standard deviation over that of the noise; 0 in bare solvent.
    """

    density: Tensor
    contrast: Tensor


def standard_amplitude(g_per_A: Tensor) -> Tensor:
    """Square root of the spectral density of an average protein's signal at frequencies `g`.

    A Gaussian for its atoms, with what its outline adds at low resolution; in units that make its
    standard deviation 1 inside the mask.
    """
    return _shape(g_per_A) / _deviation()


def _shape(g_per_A: Tensor) -> Tensor:
    outline = 6 * torch.exp(-((g_per_A * _OUTLINE_A) ** 2))
    return torch.exp(-_B_A2 / 4 * g_per_A**2) * (1 + outline)


@lru_cache(maxsize=1)
def _deviation() -> float:
    g = torch.linspace(0, 1 / (2 * PIXEL_A), 2000, dtype=torch.float64)
    return math.sqrt(float(torch.trapezoid(4 * math.pi * g**2 * _shape(g) ** 2, g)))


def grid_for(shape: Sequence[int], pixel_size_A: float) -> tuple[int, ...]:
    """Voxels of the networks' grid that cover a box; even numbers."""
    return tuple(max(2, 2 * round(n * pixel_size_A / PIXEL_A / 2)) for n in shape)


def standardise(
    half: Tensor, known: Evidence, pixel_size_A: float, shape: Sequence[int] | None = None
) -> Standardised:
    """Bring a half map to the networks' grid and spectrum.

    Parameters
    ----------
    half
        `(nz, ny, nx)`.
    shape
        Of the networks' grid, if not that which `grid_for` gives.
    """
    shape = shape or grid_for(half.shape, pixel_size_A)
    transform = resize_fourier(to_fourier(half, 3), half.shape, shape)
    pixel = pixel_size_A * max(half.shape) / max(shape)
    weight = known.fsc * _per_signal(known)
    density = to_real(transform * known.on(weight, shape, pixel), shape)
    band = known.on(known.trailing(), shape, pixel)
    whitening = known.on(known.trailing() / known.noise.clamp(min=1e-30), shape, pixel)
    white = to_real(transform * whitening, shape) * (pixel**1.5 / band.square().mean().sqrt())
    return Standardised(density, _log_local_deviation(white))


def restore(density: Tensor, known: Evidence, pixel_size_A: float, shape: Sequence[int]) -> Tensor:
    """Take a standardised density back to the grid `shape` of the data and to their amplitudes."""
    pixel = pixel_size_A * max(shape) / max(density.shape)
    weight = known.on(known.trailing() * known.signal / _standard(known), density.shape, pixel)
    transform = to_fourier(density, 3) * weight
    return to_real(resize_fourier(transform, density.shape, shape), shape)


def wanted(density: Tensor, known: Evidence, pixel_size_A: float) -> Tensor:
    """The standardised form of a noise-free density, up to the resolution of the data.

    Parameters
    ----------
    density
        `(nz, ny, nx)` on the networks' grid.
    """
    weight = _per_signal(known)
    shape = tuple(density.shape)
    return to_real(to_fourier(density, 3) * known.on(weight, shape, pixel_size_A), shape)


def fsc_bins(known: Evidence) -> Tensor:
    """`(BINS,)` FSC in equal steps of frequency."""
    g = (torch.arange(BINS, device=known.fsc.device) + 0.5) / (BINS * CURVE_A)
    at = (g / known.spacing).clamp(max=known.fsc.numel() - 1)
    low = at.floor().long().clamp(max=known.fsc.numel() - 2)
    part = (at - low).to(known.fsc)
    inside = (g / known.spacing <= known.fsc.numel() - 1).to(known.fsc)
    return ((known.fsc[low] * (1 - part) + known.fsc[low + 1] * part) * inside).float()


def _per_signal(known: Evidence) -> Tensor:
    """`(k,)` what brings the signal to the standard spectrum, up to the resolution."""
    weight = known.trailing() * _standard(known) / known.signal.clamp(min=1e-30)
    return torch.where(known.signal > 0, weight, 0.0)


def _standard(known: Evidence) -> Tensor:
    g = torch.arange(known.fsc.numel(), dtype=known.fsc.dtype, device=known.fsc.device)
    return standard_amplitude(g * known.spacing)


def to_grid(volume: Tensor, shape: Sequence[int]) -> Tensor:
    """Smooth values on other voxels of the same box, linear between them."""
    found = functional.interpolate(volume[None, None], tuple(shape), mode="trilinear")
    return found[0, 0]


def _log_local_deviation(white: Tensor) -> Tensor:
    deviation = blurred(white.square(), AROUND_PX).clamp(min=0).sqrt()
    return torch.log(deviation + 0.1)
