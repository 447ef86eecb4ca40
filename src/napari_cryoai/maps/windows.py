"""Means over Gaussian windows around points of a map, and smooth fields from values at them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

FAINT = 0.003
"""Variances below this fraction of the highest are those of solvent, whatever correlates there."""
_STEP = 0.7
"""Distance of the points, in standard deviations of the window."""
_REACH = 0.8
"""Standard deviation of what spreads the points' values, in units of their distance."""


class Windows:
    """Gaussian windows over a box, on a grid of points just fine enough for them.

    A mean, and a field made of values at the points, are products of one matrix for each axis.
    Grids of other numbers of voxels may cover the same box, as `resize_fourier` makes them.

    Parameters
    ----------
    shape
        `(nz, ny, nx)` of the map.
    pixel_size_A
        Of the map.
    sigma_A
        Standard deviation of the window.
    """

    def __init__(self, shape: Sequence[int], pixel_size_A: float, sigma_A: float):
        self.shape = tuple(shape)
        self.sides_A = [n * pixel_size_A for n in shape]
        self.sigma_A = sigma_A
        self.points = [max(2, math.ceil(side / (_STEP * sigma_A))) for side in self.sides_A]

    @property
    def volume_A3(self) -> float:
        """Over which a window averages: that of independent samples in it, by their spread."""
        return math.prod(min(2 * math.sqrt(math.pi) * self.sigma_A, s) for s in self.sides_A)

    def mean(self, values: Tensor) -> Tensor:
        """Weighted means of values on any grid over the box: `points`."""
        return self._along_axes(values, values.shape, to_points=True)

    def field(self, at_points: Tensor, shape: Sequence[int] | None = None) -> Tensor:
        """A smooth field on a grid over the box; nowhere beyond the values at the points."""
        return self._along_axes(at_points, shape or self.shape, to_points=False)

    def _along_axes(self, values: Tensor, grid: Sequence[int], *, to_points: bool) -> Tensor:
        for axis, m in enumerate(grid):
            weights = self._weights(axis, m, to_points).to(values)
            # Each product takes the first axis away and puts it last: after three all are back.
            values = torch.tensordot(values, weights, dims=([0], [0]))
        return values

    def _weights(self, axis: int, m: int, to_points: bool) -> Tensor:
        """`(m, points)` for means, `(points, m)` for fields; sums over the first axis are 1."""
        side, n, points = self.sides_A[axis], self.shape[axis], self.points[axis]
        # The voxel `m // 2` of every grid lies where the map's central voxel lies.
        samples = (torch.arange(m) - m // 2) / m + (n // 2 + 0.5) / n
        centres = (torch.arange(points) + 0.5) / points
        width = self.sigma_A if to_points else _REACH * side / points
        weights = torch.exp(-(((samples[:, None] - centres) * side / width) ** 2) / 2)
        weights = weights if to_points else weights.T
        return weights / weights.sum(0)


def local_covariance(a: Tensor, b: Tensor, windows: Windows) -> Tensor:
    """Covariance of two maps about their means in each window: `points`."""
    return windows.mean(a * b) - windows.mean(a) * windows.mean(b)


def local_correlation(a: Tensor, b: Tensor, windows: Windows, floor: float = 0.0) -> Tensor:
    """Correlation of two maps about their means in each window: `points`, from -1 to 1.

    Parameters
    ----------
    floor
        Added to the variances, as a fraction of the highest: what varies less correlates less.
    """
    covariance = local_covariance(a, b, windows)
    product = torch.ones_like(covariance)
    for values in (a, b):
        variance = local_covariance(values, values, windows).clamp(min=0)
        product = product * (variance + floor * variance.max()).sqrt()
    # Where both are flat to the last digit there is nothing to correlate.
    enough = product > 1e-6 * product.max()
    return torch.where(enough, covariance / product.clamp(min=1e-38), 0.0).clamp(-1, 1)


def expected_correlation(half1: Tensor, half2: Tensor, windows: Windows) -> Tensor:
    """Correlation of the mean of two halves with the truth to expect around each voxel.

    `sqrt(2 c / (1 + c))` of the halves' local correlation `c`, 0 where that is negative; like the
    FSC's (Rosenthal and Henderson 2003, J. Mol. Biol. 333, 721).

    Returns
    -------
    confidence
        Like the maps, from 0 to 1; near 0 where they are as good as flat.
    """
    c = local_correlation(half1, half2, windows, FAINT).clamp(min=0)
    return windows.field((2 * c / (1 + c)).sqrt()).clamp(0, 1)
