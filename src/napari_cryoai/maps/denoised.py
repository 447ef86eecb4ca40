"""What every denoiser takes and gives, learned or not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Denoised:
    """A pair of half maps after a denoiser, on the grid that they came on.

    Attributes
    ----------
    half1, half2
        `(nz, ny, nx)`, each made from its own raw half alone, but for curves over shells.
    confidence
        `(nz, ny, nx)` from 0 to 1: the correlation with the truth to expect around a voxel.
    """

    half1: Tensor
    half2: Tensor
    confidence: Tensor

    @property
    def full(self) -> Tensor:
        """The map of all particles."""
        return (self.half1 + self.half2) / 2


Denoiser = Callable[[Tensor, Tensor, float], Denoised]
"""From two raw half maps `(n, n, n)` and their voxel size in Angstrom."""
