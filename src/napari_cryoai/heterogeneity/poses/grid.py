"""The first level of the search: all orientations and shifts at low resolution, as products.

The views of all cells of the grid are one matrix, made once for a map; the images at all shifts
are another. Their product holds every likelihood there is at that level, and nothing is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.poses.images import PoseImages
from napari_cryoai.heterogeneity.poses.likelihood import as_real, batches, marginal, phases
from napari_cryoai.physics.slices import FourierVolume
from napari_cryoai.physics.so3 import rotations_of


@dataclass(frozen=True, eq=False)
class BaseGrid:
    """Views of a map from every cell of a grid.

    Attributes
    ----------
    order
        Of the grid, see `physics.so3`.
    cells
        `(c,)` numbers of its cells; those of the asymmetric unit.
    shifts
        `(s, 2)` in pixels.
    views
        `(c, 2 k)`, real and imaginary parts.
    squares
        `(c, k)` of their absolute values.
    """

    order: int
    cells: Tensor
    shifts: Tensor
    views: Tensor
    squares: Tensor

    @classmethod
    def of_map(
        cls, volume: FourierVolume, cells: Tensor, order: int, shifts: Tensor, xy: Tensor
    ) -> BaseGrid:
        """Cut a map at frequencies `(k, 2)`."""
        rotations = rotations_of(cells, order).to(volume.samples)
        slices = torch.cat(
            [volume.at(rotations[part], xy) for part in batches(len(rotations), 1024)]
        )
        return cls(order, cells, shifts, as_real(slices), slices.abs().square())

    def likelihood(self, images: PoseImages, noise: Tensor) -> Tensor:
        """Log-likelihoods `(m, s, c)` of all there is, for images at the same frequencies."""
        values, transfer = images.whitened(noise)
        match = as_real(self.shifted(images, values)) @ self.views.T
        norm = transfer @ self.squares.T
        return marginal(match.mul_(2), norm.mul_(2)[:, None])

    def shifted(self, images: PoseImages, values: Tensor) -> Tensor:
        """Values `(m, k)` at all shifts: `(m, s, k)`."""
        return values[:, None] * phases(self.shifts, images.xy, images.n)
