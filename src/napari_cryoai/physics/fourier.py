"""Discrete Fourier transforms of images and maps whose origin is their central pixel.

The centre of a box of `n` pixels is pixel `n // 2`, for even and odd `n` (the convention of MRC
files, RELION and cryoSPARC). Transforms are those of `rfftn`, unshifted: frequency 0 at index 0,
the last axis half. Lengths are in Angstrom, frequencies in 1/A.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def to_fourier(real: Tensor, ndim: int = 2) -> Tensor:
    """Transform of the last `ndim` axes, with the central pixel as origin.

    Parameters
    ----------
    real
        `(..., n, n)` images or, with `ndim=3`, `(..., n, n, n)` maps.

    Returns
    -------
    transform
        `(..., n, n // 2 + 1)` complex.
    """
    axes = tuple(range(-ndim, 0))
    return torch.fft.rfftn(torch.fft.ifftshift(real, dim=axes), dim=axes)


def to_real(transform: Tensor, shape: Sequence[int]) -> Tensor:
    """The images or maps of these last axes, from what `to_fourier` made of them."""
    axes = tuple(range(-len(shape), 0))
    return torch.fft.fftshift(torch.fft.irfftn(transform, s=tuple(shape), dim=axes), dim=axes)


def frequencies(
    shape: Sequence[int],
    pixel_size_A: float = 1.0,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, ...]:
    """Frequencies of the `rfftn` of an array of this shape, one tensor for each axis.

    Returns
    -------
    g
        In 1/A, or cycles per pixel if there is no pixel size. They broadcast against each other:
        `(ny, 1)` and `(1, nx // 2 + 1)` for an image; z, y, x for a map.
    """
    found = []
    for axis, n in enumerate(shape):
        make = torch.fft.rfftfreq if axis == len(shape) - 1 else torch.fft.fftfreq
        g = make(n, pixel_size_A, device=device, dtype=dtype)
        found.append(g.reshape([-1 if a == axis else 1 for a in range(len(shape))]))
    return tuple(found)


def squared_frequency(
    shape: Sequence[int],
    pixel_size_A: float = 1.0,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Square of the length of each frequency of an `rfftn`, in 1/A^2."""
    total = torch.zeros((), device=device, dtype=dtype)
    for g in frequencies(shape, pixel_size_A, device=device, dtype=dtype):
        total = total + g * g
    return total


def shells(shape: Sequence[int], *, device: torch.device | str | None = None) -> Tensor:
    """Number of the shell that each frequency of an `rfftn` of a cubic or square box lies in.

    Returns
    -------
    shell
        int64: the frequency in units of `1 / (n * pixel size)`, rounded; up to `n // 2` lies
        whole inside the box, what is larger only in its corners.
    """
    n = shape[0]
    return (squared_frequency(shape, device=device, dtype=torch.float64).sqrt() * n).round().long()


def shift_phases(yx_A: Tensor, shape: Sequence[int], pixel_size_A: float) -> Tensor:
    """Factors that move images by `yx_A` when they multiply their transforms.

    Parameters
    ----------
    yx_A
        `(n, 2)` how far the content moves, towards larger y and x.
    shape
        `(ny, nx)` of the images.

    Returns
    -------
    phases
        `(n, ny, nx // 2 + 1)` complex64.
    """
    gy, gx = frequencies(shape, pixel_size_A, device=yx_A.device, dtype=yx_A.dtype)
    # A product of two small exponentials: ten times faster than one over all pixels.
    along_y = torch.exp(-2j * torch.pi * yx_A[:, 0, None] * gy[:, 0])
    along_x = torch.exp(-2j * torch.pi * yx_A[:, 1, None] * gx[0])
    return along_y[:, :, None] * along_x[:, None, :]


def resize_fourier(transform: Tensor, shape: Sequence[int], new_shape: Sequence[int]) -> Tensor:
    """Crop or pad transforms, which bins or refines the images and keeps their centres in place.

    Parameters
    ----------
    transform
        `(..., ny, nx // 2 + 1)` of images of the last axes `shape`, as `to_fourier` gives it.
    shape, new_shape
        Of the images, in pixels: two axes or three.

    Returns
    -------
    transform
        Of images of `new_shape` over the same field, with the same mean and grey values. The
        highest frequency of an even size stands for both its signs: it is left out.
    """
    axes = range(-len(shape), 0)
    kept = [min(old, new) for old, new in zip(shape, new_shape, strict=True)]
    halves = [(n - 1) // 2 for n in kept]  # the largest frequency that both have with both signs
    lead = transform.shape[: -len(shape)]
    out = transform.new_zeros((*lead, *new_shape[:-1], new_shape[-1] // 2 + 1))
    source, target = transform[..., : halves[-1] + 1], out[..., : halves[-1] + 1]
    _copy(source, target, [*axes][:-1], halves[:-1])
    scale = 1.0
    for old, new in zip(shape, new_shape, strict=True):
        scale *= new / old
    return out.mul_(scale)


def _copy(source: Tensor, target: Tensor, axes: Sequence[int], halves: Sequence[int]) -> None:
    """Copy the low frequencies of both signs along every one of `axes`."""
    if not axes:
        target.copy_(source)
        return
    axis, half = axes[0], halves[0]
    _copy(source.narrow(axis, 0, half + 1), target.narrow(axis, 0, half + 1), axes[1:], halves[1:])
    if half:
        low, high = source.shape[axis] - half, target.shape[axis] - half
        _copy(source.narrow(axis, low, half), target.narrow(axis, high, half), axes[1:], halves[1:])
