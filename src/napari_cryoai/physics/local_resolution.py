"""Local resolution: where, in each neighbourhood of a map, its halves cease to correlate.

The local FSC of Cardone, Heymann and Steven (2013, J. Struct. Biol. 184, 226) in another order:
instead of transforming a window around every voxel, the half maps `a` and `b` are band-passed, one
narrow band after the other, and correlated in a Gaussian window around every point:

    C(band, x) = <a b>(x) / sqrt(<a^2>(x) <b^2>(x)),     < > the mean weighted by the window

The resolution at `x` is where `C` first falls below the threshold, linear between bands. A band
needs no more voxels than its frequencies, and the means no more points than the window's width asks
for, so memory is that of a few maps and time that of a transform for each band.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from napari_cryoai.physics.fourier import (
    frequencies,
    resize_fourier,
    to_fourier,
    to_real,
)
from napari_cryoai.physics.fsc import check_same_box

_SIGMA = 0.45
"""Of the Gaussian that averages over as much volume as a sphere of radius 1."""
_STEP, _BANDS = 0.5, 8
"""Distance of the points in units of sigma, and of the bands in units of `1 / sigma`, inverted."""


def local_resolution(
    half1: Tensor,
    half2: Tensor,
    pixel_size_A: float,
    *,
    threshold: float = 0.5,
    window_A: float = 25.0,
) -> Tensor:
    """Resolution around every voxel.

    Parameters
    ----------
    half1, half2
        `(nz, ny, nx)`, neither masked nor filtered.
    threshold
        Of the local correlation. 0.5 is what RELION and cryoSPARC take.
    window_A
        Radius of the sphere that averages over as much volume as the window. At resolutions
        lower than this it widens, to hold at least some wavelengths.

    Returns
    -------
    resolution_A
        Like the maps, float32, from Nyquist to that of the lowest band, which stands for "worse"
        too. Solvent has values as well: use a mask to look at it.
    """
    check_same_box(half1, half2)
    shape, sigma = half1.shape, _SIGMA * window_A
    spacing = 1 / (_BANDS * sigma)
    nyquist = 1 / (2 * pixel_size_A)
    centres = [spacing * (i + 1) for i in range(math.floor(nyquist / spacing))]
    points = [max(4, math.ceil(n * pixel_size_A / (_STEP * sigma))) for n in shape]
    transforms = [to_fourier(half, 3) for half in (half1, half2)]
    before = torch.ones(points, device=half1.device)
    found = torch.full_like(before, torch.nan)
    for g in centres:
        now = _correlation(transforms, shape, pixel_size_A, g, spacing, max(sigma, 0.5 / g), points)
        crossed = found.isnan() & (now < threshold)
        part = ((before - threshold) / (before - now).clamp(min=1e-6)).clamp(0, 1)
        found = torch.where(crossed, (g - spacing * (1 - part)).clamp(min=centres[0]), found)
        before = now
    found = found.nan_to_num(nan=nyquist)
    # The points lie like the centres of larger voxels, which is what `interpolate` assumes.
    return 1 / interpolate(found[None, None], size=tuple(shape), mode="trilinear")[0, 0]


def _correlation(
    transforms: Sequence[Tensor],
    shape: Sequence[int],
    pixel_size_A: float,
    g: float,
    spacing: float,
    sigma: float,
    points: Sequence[int],
) -> Tensor:
    """Local correlation of two maps in the band around `g`: `points`."""
    a, b = (_band(t, shape, pixel_size_A, g, spacing) for t in transforms)
    means = []
    for product in (a * b, a * a, b * b):
        for n, m in zip(shape, points, strict=True):
            # Each step averages along the first axis and puts it last: after three all are back.
            window = _window(product.shape[0], m, n * pixel_size_A, sigma).to(product)
            product = torch.tensordot(product, window, dims=([0], [1]))
        means.append(product)
    power = (means[1] * means[2]).clamp(min=0).sqrt()
    return torch.where(power > 0, means[0] / power.clamp(min=1e-30), 0.0)


def _band(
    transform: Tensor, shape: Sequence[int], pixel_size_A: float, g: float, spacing: float
) -> Tensor:
    """The map in a band around `g`, on a grid just fine enough for it."""
    highest = g + 2 * spacing
    small = [min(n, 2 * math.ceil(1.1 * highest * n * pixel_size_A) + 4) for n in shape]
    cropped = resize_fourier(transform, shape, small)
    length = torch.zeros((), device=transform.device)
    for axis, f in enumerate(frequencies(small, device=transform.device)):
        length = length + (f * small[axis] / (shape[axis] * pixel_size_A)) ** 2
    distance = ((length.sqrt() - g).abs() / (2 * spacing)).clamp(max=1)
    return to_real(cropped * (1 + torch.cos(torch.pi * distance)), small)


def _window(n: int, points: int, length_A: float, sigma_A: float) -> Tensor:
    """Weights of `n` samples over a length, the central one in its middle: `(points, n)`."""
    samples = (torch.arange(n) - n // 2) * (length_A / n)
    centres = ((torch.arange(points) + 0.5) / points - 0.5) * length_A
    return torch.exp(-((centres[:, None] - samples) ** 2) / (2 * sigma_A**2))
