"""Wiener filter: each shell weighted by what the FSC of the half maps says of it.

What everybody has, and therefore what others are measured against. No network, no mask applied.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.maps.denoised import Denoised
from napari_cryoai.maps.spectra import fsc_inside
from napari_cryoai.maps.windows import Windows, expected_correlation
from napari_cryoai.physics.fsc import HALF_MAPS, check_same_box, resolution_at
from napari_cryoai.physics.radial import weighted
from napari_cryoai.physics.sharpening import fsc_weight, guinier

WINDOW = 1.2
"""Standard deviation of the window of the confidence, in resolution lengths."""
_EDGE = 2.0
"""Shells that the cut-off takes."""


def wiener(
    half1: Tensor,
    half2: Tensor,
    pixel_size_A: float,
    *,
    mask: Tensor | None = None,
    b_factor_A2: float | None = 0.0,
) -> Denoised:
    """Weight the shells of two half maps by their FSC, and cut off at the resolution.

    The weight is that which brings the mean of the halves nearest to the truth, `2 FSC / (1 +
    FSC)`. The FSC is that inside the mask, corrected for it.

    Parameters
    ----------
    half1, half2
        `(nz, ny, nx)`.
    mask
        Soft; the halves are multiplied by it. Without one, the FSC is that in an automatic mask,
        and nothing is masked.
    b_factor_A2
        Taken out of the maps; positive sharpens. None: as the Guinier plot has it, 0 where the
        resolution is too low for one. By default amplitudes stay as they are.

    Raises
    ------
    CryoAIError
        If the boxes differ, or a value is not finite.
    """
    check_same_box(half1, half2)
    fsc = fsc_inside(half1, half2, pixel_size_A, mask)
    n = max(half1.shape)
    resolution_A = resolution_at(fsc, pixel_size_A, HALF_MAPS, n)
    if b_factor_A2 is None:
        b_factor_A2 = _b_factor((half1 + half2) / 2, pixel_size_A, resolution_A, fsc)
    curve = _weights(fsc, n * pixel_size_A / resolution_A)
    g = torch.arange(curve.numel(), dtype=curve.dtype) / (n * pixel_size_A)
    curve = curve * torch.exp(b_factor_A2 / 4 * g**2)
    one, two = (weighted(half, curve) for half in (half1, half2))
    if mask is not None:
        one, two = one * mask, two * mask
    # What is seen of a map has about its own resolution; lower, there is nothing to be seen.
    length_A = resolution_A if math.isfinite(resolution_A) else n * pixel_size_A / 4
    windows = Windows(half1.shape, pixel_size_A, WINDOW * length_A)
    return Denoised(one, two, expected_correlation(one, two, windows))


def _weights(fsc: Tensor, last: float) -> Tensor:
    """Of each shell, and one more for the corners of the box."""
    weight = fsc_weight(fsc) ** 2
    k = torch.arange(weight.numel(), dtype=weight.dtype)
    edge = (1 + torch.cos(torch.pi * ((k - last) / _EDGE).clamp(0, 1))) / 2
    weight = weight * edge
    weight[0] = 1.0
    return torch.cat([weight, weight.new_zeros(1)])


def _b_factor(map_: Tensor, pixel_size_A: float, resolution_A: float, fsc: Tensor) -> float:
    try:
        found = guinier(map_, pixel_size_A, to_A=resolution_A, fsc=fsc)
    except CryoAIError:
        return 0.0
    return found.b_factor_A2
