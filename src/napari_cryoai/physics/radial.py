"""Sums and curves over the shells of a map's Fourier transform.

A shell gathers the frequencies whose length, in units of `1 / (n * pixel size)`, rounds to its
number; `n` is the longest side of the box. Shells 0 to `n // 2` reach from the mean to Nyquist;
the corners of the box lie beyond. Transforms are those of `fourier.to_fourier`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_cryoai.physics.fourier import squared_frequency, to_fourier, to_real


def radius(shape: Sequence[int], *, device: torch.device | str | None = None) -> Tensor:
    """Length of each frequency of an `rfftn` in units of shells, float32."""
    return squared_frequency(shape, device=device).sqrt() * max(shape)


def shell_sums(values: Tensor, shape: Sequence[int]) -> Tensor:
    """Sum over each shell of the whole transform, of which `values` has the half that is kept.

    Parameters
    ----------
    values
        `(..., nz, ny, nx // 2 + 1)` real, even in frequency: a power, a product with a conjugate.
    shape
        `(nz, ny, nx)` of the map.

    Returns
    -------
    sums
        `(..., n // 2 + 1)` float64, differentiable in `values`; on the processor for Apple's GPU.
    """
    if values.device.type == "mps":  # which has no float64
        values = values.cpu()
    n_shells = max(shape) // 2 + 1
    shell = radius(shape, device=values.device).round().long().clamp_(max=n_shells).reshape(-1)
    both = torch.full((shape[-1] // 2 + 1,), 2.0, device=values.device, dtype=torch.float64)
    both[0] = 1.0  # what stands for itself alone; the rest stands for its conjugate too
    if shape[-1] % 2 == 0:
        both[-1] = 1.0
    flat = (values * both).reshape(-1, shell.numel())
    sums = flat.new_zeros(flat.shape[0], n_shells + 1).scatter_add(1, shell.expand_as(flat), flat)
    return sums[:, :-1].reshape(*values.shape[: -len(shape)], n_shells)


def shell_means(values: Tensor, shape: Sequence[int]) -> Tensor:
    """Mean over each shell; see `shell_sums`."""
    ones = torch.ones((*shape[:-1], shape[-1] // 2 + 1), device=values.device)
    return shell_sums(values, shape) / shell_sums(ones, shape)


def power_spectrum(maps: Tensor) -> Tensor:
    """Mean squared amplitude in each shell of `(..., nz, ny, nx)` maps: `(..., n // 2 + 1)`."""
    transform = to_fourier(maps, 3)
    return shell_means(transform.real**2 + transform.imag**2, maps.shape[-3:])


def weighted(maps: Tensor, curve: Tensor) -> Tensor:
    """Multiply the transforms of maps by a curve of the frequency's length.

    Parameters
    ----------
    maps
        `(..., nz, ny, nx)`.
    curve
        `(n // 2 + 1,)`, linear between shells; its last value holds for the corners.

    Returns
    -------
    maps
        Of the same shape and type.
    """
    shape = maps.shape[-3:]
    weights = at_radius(curve.to(maps), radius(shape, device=maps.device))
    return to_real(to_fourier(maps, 3) * weights, shape)


def at_radius(curve: Tensor, r: Tensor) -> Tensor:
    """A curve `(k,)` over shells, interpolated at radii in units of shells."""
    r = r.clamp(max=curve.numel() - 1)
    low = r.floor().long().clamp_(max=max(curve.numel() - 2, 0))
    part = r - low
    return curve[low] * (1 - part) + curve[(low + 1).clamp_(max=curve.numel() - 1)] * part


def low_pass(maps: Tensor, pixel_size_A: float, resolution_A: float, edge: float = 0.2) -> Tensor:
    """Cut off the frequencies of maps beyond `1 / resolution_A`.

    Parameters
    ----------
    maps
        `(..., nz, ny, nx)`.
    edge
        Width of the cosine edge about that frequency, as a fraction of it.
    """
    shape = maps.shape[-3:]
    g = squared_frequency(shape, pixel_size_A, device=maps.device).sqrt() * resolution_A
    part = ((g - 1) / edge + 0.5).clamp_(0, 1) if edge else (g > 1).to(g)
    return to_real(to_fourier(maps, 3) * ((1 + torch.cos(torch.pi * part)) / 2), shape)
