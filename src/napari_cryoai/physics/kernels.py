"""Interpolation kernels in Fourier space, and what each does to the map."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

Kernel = Literal["linear", "kaiser-bessel"]

WIDTH: dict[Kernel, int] = {"linear": 2, "kaiser-bessel": 6}
"""Samples that a kernel reaches over, along each axis."""

_W = WIDTH["kaiser-bessel"]
_BETA = math.pi * math.sqrt((0.75 * _W) ** 2 - 0.8)
"""For a map padded to twice its size; Beatty et al. 2005, IEEE Trans. Med.
Imaging 24, 799, equation 5."""


def weights(kernel: Kernel, fraction: Tensor) -> list[Tensor]:
    """Weights of the samples around a point, along one axis.

    Parameters
    ----------
    fraction
        How far the point lies beyond the sample below it, 0 to 1.

    Returns
    -------
    weights
        As many as the kernel is wide; the first belongs to sample `1 - width // 2`, relative to
        that below.
    """
    if kernel == "linear":
        return [1 - fraction, fraction]
    return [_kaiser_bessel(fraction - offset) for offset in range(1 - _W // 2, 1 + _W // 2)]


def _kaiser_bessel(distance: Tensor) -> Tensor:
    inside = (1 - (2 * distance / _W) ** 2).clamp(min=0)
    return torch.special.i0(_BETA * inside.sqrt()) * (_BETA / math.sinh(_BETA) / _W)


@lru_cache(maxsize=4)
def correction(kernel: Kernel, n: int, size: int, device: torch.device) -> Tensor:
    """What interpolation in the transform of the padded map multiplies the map by.

    Returns
    -------
    factor
        `(n, n, n)`, the transform of the kernel, 1 in the centre; to be divided by.
    """
    x = (torch.arange(n, device=device, dtype=torch.float64) - n // 2) / size
    if kernel == "linear":
        one = torch.sinc(x) ** 2
    else:
        root = (_BETA**2 - (_W * math.pi * x) ** 2).clamp(min=1e-9).sqrt()
        one = torch.sinh(root) / root * (_BETA / math.sinh(_BETA))
    return (one[:, None, None] * one[:, None] * one).float()
