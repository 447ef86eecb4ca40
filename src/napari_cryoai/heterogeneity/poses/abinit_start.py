"""A first map out of nothing: expectation and maximisation over all poses at low resolution.

Every image counts for every cell of the grid and every shift, as likely as each is. Both halves of
an iteration are products of matrices: images by views for the probabilities, probabilities by
images for the new views. Iterations take a few images each, and sums forget what was added long
ago (Cappe and Moulines 2009, J. R. Stat. Soc. B 71, 593). The map's prior has the power that the
images have beyond their noise (Scheres 2012, J. Mol. Biol. 415, 406).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.poses.grid import BaseGrid
from napari_cryoai.heterogeneity.poses.images import PoseImages, by_length
from napari_cryoai.heterogeneity.poses.likelihood import as_real, batches, marginal, shift_grid
from napari_cryoai.heterogeneity.poses.search import STEP
from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real
from napari_cryoai.physics.masks import sphere
from napari_cryoai.physics.slices import FourierVolume, disk
from napari_cryoai.physics.so3 import grid_cells, random_rotations, rotations_of

TRUST = 4.0
"""How many times the expected power the prior allows: a first map must not be too smooth."""
FORGET = 0.3
"""Share of the sums that an iteration replaces; a third of it towards the end."""
AT_ONCE = 32
ASKED = 1000
"""Images that judge the maps at the end."""
MASK, SOFT = 0.75, 0.2
"""Radius of the mask and width of its edge, as fractions of half the box."""


@dataclass(frozen=True)
class Stage:
    """Iterations on one grid.

    Attributes
    ----------
    order, radius
        Of the grid of orientations, and the last shell.
    steps, batch
        Iterations, and images of each.
    """

    order: int
    radius: int
    steps: int
    batch: int


STAGES = (Stage(1, 6, 80, 400), Stage(2, 8, 40, 300))
LAST_STAGE = Stage(2, 10, 30, 400)
"""Of the best start alone: before this, halves of a molecule that look alike are not told apart."""


@dataclass(frozen=True, eq=False)
class Start:
    """A first map.

    Attributes
    ----------
    map
        `(k, k, k)`, with voxels as large as its resolution allows, over the field of the box.
    score
        Mean log-likelihood of the images, over all poses.
    """

    map: Tensor
    score: float


def starting_map(
    images: PoseImages,
    noise: Tensor,
    signal: Tensor,
    limit_px: float,
    group: Tensor,
    seed: int,
    *,
    stages: Sequence[Stage] = (),
    found: Tensor | None = None,
) -> Iterator[Start]:
    """Find a first map from random poses; yields after each iteration, the last is the result.

    Parameters
    ----------
    images
        All that take part, at low frequencies at least.
    noise, signal
        `(n // 2 + 1,)` variance of noise and of a map's transform in each shell.
    limit_px
        How far from the centre of the box a particle may be.
    group
        `(g, 3, 3)` point group of the map.
    stages
        Iterations; `STAGES` if not given.
    found
        A map to begin with, instead of random poses.
    """
    generator = torch.Generator().manual_seed(seed)
    stages = stages or STAGES
    for number, stage in enumerate(stages):
        soft = _SoftMap(images.within(stage.radius), stage, noise, signal, limit_px, group)
        soft.begin(found, generator)
        for step in range(stage.steps):
            late = step > 0.7 * stage.steps
            rows = torch.randperm(len(images), generator=generator)[: stage.batch]
            score = soft.step(rows.to(noise.device), FORGET / 3 if late else FORGET)
            if number < len(stages) - 1 or step < stage.steps - 1:
                yield Start(soft.map, score)
        found = soft.map
    rows = torch.arange(min(ASKED, len(images)), device=noise.device)
    yield Start(soft.map, soft.score(rows))


def resized(map_: Tensor, n: int) -> Tensor:
    """A map with other voxels over the same field; its projections' transforms stay the same."""
    small = map_.shape[-1]
    changed = resize_fourier(to_fourier(map_, 3), map_.shape, (n,) * 3)
    return to_real(changed, (n,) * 3) * (small / n) ** 3


class _SoftMap:
    """A map, and the sums it is made of."""

    def __init__(
        self,
        images: PoseImages,
        stage: Stage,
        noise: Tensor,
        signal: Tensor,
        limit_px: float,
        group: Tensor,
    ):
        device = images.xy.device
        self.images, self.noise, self.order = images, noise, stage.order
        self.n = 2 * stage.radius + 2
        self.cells = grid_cells(stage.order, group).to(device)
        self.rotations = rotations_of(self.cells, stage.order).float()
        self.shifts = shift_grid(STEP * images.n / stage.radius, limit_px, device)
        self.group, self.signal = group, signal[: self.n // 2 + 1].to(device)
        self.mask = sphere((self.n,) * 3, MASK * self.n / 2, SOFT * self.n / 2, device=device)
        circle = by_length(self.n, device=device)
        self._places = torch.argsort(circle.index).argsort()[: len(images.xy)]
        self._count = len(disk(self.n, device).xy)
        self.sum = self._empty()

    def begin(self, map_: Tensor | None, generator: torch.Generator) -> None:
        """Start from a map, or from all images in random poses."""
        if map_ is not None:
            self.map = resized(map_, self.n)
            return
        turns = random_rotations(len(self.images), generator=generator).to(self.rotations)
        values, transfer = self.images.whitened(self.noise)
        self.sum.insert(self._on_disk(values), self._on_disk(transfer), turns)
        self._update()

    def step(self, rows: Tensor, forget: float) -> float:
        """One iteration; the mean log-likelihood of the images with the map before it."""
        images = self.images.select(rows)
        values, transfer = images.whitened(self.noise)
        grid = self._grid()
        views = torch.zeros_like(grid.views)
        weights = torch.zeros_like(grid.squares)
        total = 0.0
        for part in batches(len(rows), AT_ONCE):
            shifted = as_real(grid.shifted(images, values[part]))
            share, evidence = _posterior(grid, shifted, transfer[part])
            total += float(evidence.sum())
            views.addmm_(share.flatten(0, 1).T, shifted.flatten(0, 1))
            weights.addmm_(share.sum(1).T, transfer[part])
        new = self._empty()
        both = torch.complex(*views.chunk(2, 1))
        new.insert(self._on_disk(both), self._on_disk(weights), self.rotations)
        self.sum.values.mul_(1 - forget).add_(new.values)
        self.sum.weights.mul_(1 - forget).add_(new.weights)
        self._update()
        return total / len(rows)

    def score(self, rows: Tensor) -> float:
        """Mean log-likelihood of images over all poses."""
        images, grid = self.images.select(rows), self._grid()
        values, transfer = images.whitened(self.noise)
        total = 0.0
        for part in batches(len(rows), AT_ONCE):
            shifted = as_real(grid.shifted(images, values[part]))
            total += float(_posterior(grid, shifted, transfer[part])[1].sum())
        return total / len(rows)

    def _grid(self) -> BaseGrid:
        volume = FourierVolume.of_map(self.map)
        return BaseGrid.of_map(volume, self.cells, self.order, self.shifts, self.images.xy)

    def _update(self) -> None:
        ratio = 1 / (TRUST * self.signal * self.sum.mean_weight()).clamp(min=1e-9)
        self.map = self.sum.map(ratio) * self.mask

    def _on_disk(self, values: Tensor) -> Tensor:
        out = values.new_zeros(len(values), self._count)
        out[:, self._places] = values
        return out

    def _empty(self) -> SliceSum:
        return SliceSum(self.n, symmetry=self.group, device=self.images.xy.device)


def _posterior(grid: BaseGrid, shifted: Tensor, transfer: Tensor) -> tuple[Tensor, Tensor]:
    """Probability of all shifts and cells, `(m, s, c)`, and the evidence `(m,)` they sum up to."""
    match, norm = shifted @ grid.views.T, transfer @ grid.squares.T
    score = marginal(match.mul_(2), norm.mul_(2)[:, None])
    top = score.amax((1, 2), keepdim=True)
    share = score.sub_(top).exp_()
    total = share.sum((1, 2), keepdim=True)
    evidence = (top + total.log()).flatten() - math.log(share[0].numel())
    return share.div_(total), evidence
