"""What images say of a map's views, each counted for every pose as much as that is likely.

Both halves are products of matrices: images by views for the probabilities, probabilities by images
for the new views. `AllPoses` leaves nothing out; its cells must not be finer than a computer can
afford. `BestPoses` compares all cells at low resolution, and divides the best at a higher one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.poses.grid import BaseGrid
from napari_cryoai.heterogeneity.poses.images import PoseImages
from napari_cryoai.heterogeneity.poses.likelihood import as_real, batches, marginal, phases
from napari_cryoai.heterogeneity.poses.search import STEP
from napari_cryoai.physics.slices import FourierVolume
from napari_cryoai.physics.so3 import children, rotations_of

KEPT_CELLS, KEPT_SHIFTS = 64, 6
"""Of an image, that are divided."""
LEAST_SHARE = 1e-3
"""What is less likely than this is not inserted."""


class AllPoses:
    """Every image counts for all cells and shifts of a grid.

    Parameters
    ----------
    grid
        Views of the map, at all frequencies of the images.
    """

    def __init__(self, grid: BaseGrid):
        self.grid = grid
        self.views = torch.zeros_like(grid.views)
        self.weights = torch.zeros_like(grid.squares)

    def add(self, images: PoseImages, noise: Tensor) -> Tensor:
        """Count images; how likely the map makes each, `(m,)`, over all poses."""
        values, transfer = images.whitened(noise)
        shifted = as_real(self.grid.shifted(images, values))
        match, norm = shifted @ self.grid.views.T, transfer @ self.grid.squares.T
        share, evidence = posterior(marginal(match.mul_(2), norm.mul_(2)[:, None]))
        self.views.addmm_(share.flatten(0, 1).T, shifted.flatten(0, 1))
        self.weights.addmm_(share.sum(1).T, transfer)
        return evidence - math.log(share[0].numel())

    def slices(self) -> tuple[Tensor, Tensor, Tensor]:
        """Sums `(c, k)` of images and of their weights, and the orientations `(c, 3, 3)`."""
        rotations = rotations_of(self.grid.cells, self.grid.order).to(self.weights)
        return torch.complex(*self.views.chunk(2, 1)), self.weights, rotations


class BestPoses:
    """Every image counts for the parts of those cells and shifts that are best at low resolution.

    Parameters
    ----------
    volume
        The map.
    coarse
        Its views at the low frequencies alone.
    low
        The last shell of these.
    xy
        `(k, 2)` all frequencies of the images.
    """

    def __init__(self, volume: FourierVolume, coarse: BaseGrid, low: int, xy: Tensor):
        self.coarse, self.low = coarse, low
        parts = children(coarse.cells, coarse.order)
        self.rotations = rotations_of(parts.flatten(), coarse.order + 1).to(volume.samples)
        self.table = torch.cat(
            [as_real(volume.at(self.rotations[part], xy)) for part in batches(parts.numel(), 1024)]
        )
        self.number = torch.arange(parts.numel(), device=xy.device).reshape(parts.shape)
        self.views = torch.zeros_like(self.table)
        self.weights = self.table.new_zeros(len(self.table), len(xy))

    def add(self, images: PoseImages, noise: Tensor) -> Tensor:
        """Count images; how likely the map makes each, `(m,)`, over all poses."""
        cells, shifts = self._best(images, noise)
        values, transfer = images.whitened(noise)
        shifted = as_real(values[:, None] * phases(shifts, images.xy, images.n))
        views = self.table[cells.flatten()].reshape(*cells.shape, -1)
        norm = views.square() @ torch.cat([transfer, transfer], 1)[..., None]
        score = marginal((shifted @ views.mT).mul_(2), norm.mul_(2).mT)
        share, evidence = posterior(score)
        each = share.sum(1)
        image, place = (each > LEAST_SHARE).nonzero().T
        cell = cells[image, place]
        self.views.index_add_(0, cell, (share.mT @ shifted)[image, place])
        self.weights.index_add_(0, cell, transfer[image] * each[image, place, None])
        everywhere = len(self.table) * 4 * len(self.coarse.shifts)
        return evidence - math.log(everywhere)

    def slices(self) -> tuple[Tensor, Tensor, Tensor]:
        """As `AllPoses` has them; of the views that some image counts for."""
        seen = self.weights.amax(1).nonzero()[:, 0]
        views = torch.complex(*self.views[seen].chunk(2, 1))
        return views, self.weights[seen], self.rotations[seen]

    def _best(self, images: PoseImages, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Parts of cells `(m, c)` and shifts `(m, s, 2)` that are worth a closer look."""
        share, _ = posterior(self.coarse.likelihood(images.within(self.low), noise))
        cells = share.sum(1).topk(min(KEPT_CELLS, share.shape[2]), 1).indices
        shifts = share.sum(2).topk(min(KEPT_SHIFTS, share.shape[1]), 1).indices
        quarter = STEP * images.n / self.low / 4
        corner = torch.tensor([-quarter, quarter], device=cells.device)
        around = torch.cartesian_prod(corner, corner)
        places = self.coarse.shifts[shifts][:, :, None] + around
        return self.number[cells].flatten(1), places.flatten(1, 2)


def posterior(score: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities `(m, s, c)` of log-likelihoods, in their place, and the log of their sum."""
    top = score.amax((1, 2), keepdim=True)
    share = score.sub_(top).exp_()
    total = share.sum((1, 2), keepdim=True)
    return share.div_(total), (top + total.log()).flatten()
