"""Local Wiener filter: each place and band weighted by how well the two halves agree there.

The idea of SIDESPLITTER (Ramlaul, Palmer, Nakane and Aylett 2020, J. Struct. Biol. 211, 107545):
signal and noise of a band vary over the map, and both halves tell them,

    SNR(band, x) = <a b>(x) / <(a - b)^2 / 2>(x),      < > the mean over a window around x

so each band is multiplied by a smooth local weight. The halves share these weights and nothing
else. Bands overlap and add up to the map; the lowest, with the mean, is kept as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from napari_cryoai.maps.denoised import Denoised
from napari_cryoai.maps.windows import FAINT, Windows
from napari_cryoai.physics.fourier import frequencies, resize_fourier, to_fourier, to_real
from napari_cryoai.physics.fsc import check_same_box

WINDOW_A = 15.0
"""Radius of the sphere that averages over as much volume as the window."""
SIGNIFICANT = 2.0
"""Local correlations of fewer standard deviations of pure noise are taken for none."""
CERTAIN = 1.0
"""By how many of them the best place of a band has to exceed the best of pure noise."""
_SIGMA = 0.45
_BANDS = 5
"""A band is `1 / (_BANDS * sigma)` wide."""
_REACH = 1.5
"""How far beyond its centre, in widths, a band reaches once it is weighted place by place."""


def local_snr(
    half1: Tensor, half2: Tensor, pixel_size_A: float, *, window_A: float = WINDOW_A
) -> Denoised:
    """Weight each band of two half maps, place by place, by the local signal-to-noise ratio.

    The weight is `2 c / (1 + c)` of the local correlation `c`, less what pure noise may bring.

    Parameters
    ----------
    half1, half2
        `(nz, ny, nx)`, neither masked nor filtered.
    window_A
        Radius of a sphere of the volume that the windows average over.

    Raises
    ------
    CryoAIError
        If the boxes differ, or a value is not finite.
    """
    check_same_box(half1, half2)
    shape = half1.shape
    windows = Windows(shape, pixel_size_A, _SIGMA * window_A)
    spacing = 1 / (_BANDS * windows.sigma_A)
    transforms = [to_fourier(half, 3) for half in (half1, half2)]
    sums = [torch.zeros_like(t) for t in transforms]
    powers = _Powers(windows)
    for g, band, small in _bands(shape, pixel_size_A, spacing):
        halves = [to_real(resize_fourier(t, shape, small) * band, small) for t in transforms]
        if g:
            weights = powers.weights(halves, 4 * math.pi * g**2 * spacing)
            if not bool(weights.any()):
                break
            kept = windows.field(weights, small)
            halves = [half * kept for half in halves]
        for total, half in zip(sums, halves, strict=True):
            total += resize_fourier(to_fourier(half, 3), small, shape)
    for total, transform in zip(sums, transforms, strict=True):
        total[0, 0, 0] = transform[0, 0, 0]  # local weights change the mean too
    one, two = (to_real(total, shape) for total in sums)
    return Denoised(one, two, powers.confidence())


class _Powers:
    """Powers at the points of the windows, gathered from band to band."""

    def __init__(self, windows: Windows):
        self._windows = windows
        self._signal, self._kept, self._filtered = (torch.zeros(windows.points) for _ in range(3))

    def weights(self, halves: Sequence[Tensor], samples_per_A3: float) -> Tensor:
        """Of a band: `points`, from 0 to 1."""
        a, b = halves
        common, *own = (self._windows.mean(product) for product in (a * b, a * a, b * b))
        power = (own[0] * own[1]).clamp(min=0).sqrt()
        c = torch.where(power > 0, common / power.clamp(min=1e-38), 0.0).clamp(0, 1)
        # Fisher's z of noise alone varies by one over the square root of its independent samples.
        samples = samples_per_A3 * self._windows.volume_A3
        z = torch.atanh(c.clamp(max=1 - 1e-6)) * math.sqrt(samples)
        if float(z.max()) < CERTAIN + math.sqrt(2 * math.log(z.numel())):
            return torch.zeros_like(z)  # the best of so many places is as good by chance
        c = c * (1 - (SIGNIFICANT / z.clamp(min=1e-6)) ** 2).clamp(min=0)
        weights = 2 * c / (1 + c)
        self._signal += c * power
        self._kept += weights * c * power
        self._filtered += weights**2 * (own[0] + own[1] + 2 * common).clamp(min=0) / 4
        return weights

    def confidence(self) -> Tensor:
        """Correlation of the filtered map with the truth to expect, but for the lowest band."""
        faint = FAINT * float(self._filtered.max())
        product = (self._signal + faint) * (self._filtered + faint)
        found = torch.where(product > 0, self._kept / product.clamp(min=1e-38).sqrt(), 0.0)
        return self._windows.field(found.clamp(0, 1))


def _bands(
    shape: Sequence[int], pixel_size_A: float, spacing: float
) -> Iterator[tuple[float, Tensor, list[int]]]:
    """Centre of each band, its share of the frequencies, and a grid fine enough for it.

    The shares of all bands add up to 1 at every frequency up to Nyquist; the corners of the box
    are left out.
    """
    nyquist = 1 / (2 * pixel_size_A)
    for i in range(math.ceil(nyquist / spacing) + 1):
        g = i * spacing
        highest = min(g + _REACH * spacing, nyquist)
        small = [min(n, 2 * math.ceil(highest * n * pixel_size_A) + 2) for n in shape]
        squared = torch.zeros(())
        for axis, f in enumerate(frequencies(small)):
            squared = squared + (f * small[axis] / (shape[axis] * pixel_size_A)) ** 2
        length = squared.sqrt()
        share = torch.cos(torch.pi / 2 * ((length - g).abs() / spacing).clamp(max=1)).square()
        yield g, share * (length <= nyquist), small
