"""How likely images are, given views of a map.

An image `y` of a view `S`, with the CTF `C`, noise of variance `v` in every frequency and a
contrast `a` of its own, has the log-likelihood, but for a constant of the image,

    a B - a^2 A / 2    with  B = 2 Re sum conj(C S) y e^(2 pi i g shift) / v,  A = 2 sum |C S|^2 / v

over one of each pair of frequencies. The contrast is drawn from a normal distribution about 1, and
integrated over in closed form.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

CONTRAST_SD = 0.3
"""Of the contrasts of images of one data set, relative to their mean."""


def marginal(match: Tensor, norm: Tensor) -> Tensor:
    """Log-likelihood with the contrast integrated out.

    Parameters
    ----------
    match
        `B` of this module.
    norm
        `A`, that broadcasts against it.
    """
    prior = CONTRAST_SD**-2
    stiffness = norm + prior
    offset = -0.5 * (torch.log(stiffness / prior) + prior)
    return torch.addcmul(offset, match + prior, (match + prior) / (2 * stiffness))


def as_real(values: Tensor) -> Tensor:
    """`(..., 2 k)` real parts and then imaginary parts of `(..., k)`.

    A product of two of these is the real part of one times the conjugate of the other.
    """
    return torch.cat([values.real, values.imag], -1)


def phases(shifts_yx_px: Tensor, xy: Tensor, n: int) -> Tensor:
    """Factors `(..., k)` that bring a particle at `(..., 2)` to the centre of its box.

    Parameters
    ----------
    xy
        `(k, 2)` frequencies in units of 1 / n.
    """
    angle = (2 * torch.pi / n) * (shifts_yx_px.flip(-1) @ xy.T)
    return torch.polar(torch.ones_like(angle), angle)


def shift_grid(step_px: float, limit_px: float, device: torch.device | None = None) -> Tensor:
    """Shifts `(s, 2)` of a square grid, in a circle."""
    reach = int(limit_px / step_px + 1e-6)
    axis = torch.arange(-reach, reach + 1, device=device, dtype=torch.float32) * step_px
    grid = torch.cartesian_prod(axis, axis)
    return grid[grid.norm(dim=1) <= limit_px + 1e-6]


def batches(count: int, each: int) -> Iterator[slice]:
    """Parts of so many, one after another."""
    for start in range(0, count, max(1, each)):
        yield slice(start, min(start + max(1, each), count))
