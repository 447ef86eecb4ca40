"""A first map out of nothing: expectation and maximisation over all poses at low resolution.

Every image counts for every cell of the grid and every shift, as likely as each is. Iterations take
a few images each, and sums forget what was added long ago (Cappe and Moulines 2009, J. R. Stat.
Soc. B 71, 593). The map's prior has the power that the images have beyond their noise (Scheres
2012, J. Mol. Biol. 415, 406).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.poses.abinit_expectation import AllPoses, BestPoses
from napari_cryoai.heterogeneity.poses.grid import BaseGrid
from napari_cryoai.heterogeneity.poses.images import PoseImages, by_length
from napari_cryoai.heterogeneity.poses.likelihood import batches, shift_grid
from napari_cryoai.heterogeneity.poses.search import STEP
from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real
from napari_cryoai.physics.masks import sphere
from napari_cryoai.physics.slices import FourierVolume, disk
from napari_cryoai.physics.so3 import grid_cells, random_rotations

TRUST = 4.0
"""How many times the expected power the prior allows: a first map must not be too smooth."""
FORGET = 0.3
"""Share of the sums that an iteration replaces; a third of it towards the end."""
AT_ONCE = 16
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
    low
        If given, all poses are compared up to this shell alone, and only the parts of the best up
        to `radius`.
    """

    order: int
    radius: int
    steps: int
    batch: int
    low: int | None = None


STAGES = (Stage(1, 6, 80, 400), Stage(2, 8, 40, 300))
LAST_STAGE = Stage(2, 12, 40, 500, low=8)
"""Of the best start alone: what looks alike at lower shells is told apart here."""


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
    """Find a first map from random poses; yields every few images, the last is the result.

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
    for stage in stages:
        soft = _SoftMap(images.within(stage.radius), stage, noise, signal, limit_px, group)
        soft.begin(found, generator)
        for step in range(stage.steps):
            late = step > 0.7 * stage.steps
            rows = torch.randperm(len(images), generator=generator)[: stage.batch]
            yield from soft.step(rows.to(noise.device), FORGET / 3 if late else FORGET)
        found = soft.map
    rows = torch.arange(min(ASKED, len(images)), device=noise.device)
    _, score = yield from soft.expected(rows)
    yield Start(soft.map, score)


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
        self.images, self.noise, self.stage = images, noise, stage
        self.n, self.low = 2 * stage.radius + 2, stage.low or stage.radius
        self.cells = grid_cells(stage.order, group).to(device)
        self.shifts = shift_grid(STEP * images.n / self.low, limit_px, device)
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
        values, transfer = self.images.whitened(self.noise)
        turns = random_rotations(len(self.images), generator=generator).to(transfer)
        self.sum.insert(self._on_disk(values), self._on_disk(transfer), turns)
        self._update()

    def step(self, rows: Tensor, forget: float) -> Iterator[Start]:
        """One iteration; yields the map before it now and then."""
        poses, _ = yield from self.expected(rows)
        values, weights, rotations = poses.slices()
        new = self._empty()
        new.insert(self._on_disk(values), self._on_disk(weights), rotations)
        self.sum.values.mul_(1 - forget).add_(new.values)
        self.sum.weights.mul_(1 - forget).add_(new.weights)
        self._update()

    def expected(self, rows: Tensor) -> Generator[Start, None, tuple[AllPoses | BestPoses, float]]:
        """Images counted for their poses, and their mean log-likelihood over all poses."""
        volume, xy = FourierVolume.of_map(self.map), self.images.xy
        low = self.images.within(self.low).xy
        grid = BaseGrid.of_map(volume, self.cells, self.stage.order, self.shifts, low)
        is_whole = self.stage.low is None
        poses = AllPoses(grid) if is_whole else BestPoses(volume, grid, self.low, xy)
        likely = 0.0
        for part in batches(len(rows), AT_ONCE):
            likely += float(poses.add(self.images.select(rows[part]), self.noise).sum())
            yield Start(self.map, likely / part.stop)
        return poses, likely / len(rows)

    def _update(self) -> None:
        ratio = 1 / (TRUST * self.signal * self.sum.mean_weight()).clamp(min=1e-9)
        self.map = self.sum.map(ratio) * self.mask

    def _on_disk(self, values: Tensor) -> Tensor:
        out = values.new_zeros(len(values), self._count)
        out[:, self._places] = values
        return out

    def _empty(self) -> SliceSum:
        return SliceSum(self.n, symmetry=self.group, device=self.images.xy.device)
