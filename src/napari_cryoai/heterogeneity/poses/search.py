"""The most likely orientation and shift of particles, by branch and bound.

All orientations and shifts are tried at low resolution. What could still turn out to be the best is
divided, and tried at the next resolution; so the cells are halved twice. Then the best, and the
best of those that lie apart from it, are moved to their maximum at full resolution.

(Branch and bound over poses: Punjani et al. 2017, Nat. Methods 14, 290; with frequency marching:
Zhong et al. 2021, ICCV.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from napari_cryoai.heterogeneity.poses.candidates import Candidates
from napari_cryoai.heterogeneity.poses.grid import BaseGrid
from napari_cryoai.heterogeneity.poses.images import PoseImages, by_length
from napari_cryoai.heterogeneity.poses.likelihood import (
    as_real,
    batches,
    marginal,
    phases,
    shift_grid,
)
from napari_cryoai.heterogeneity.poses.refine import LocalPoses, refine_locally
from napari_cryoai.heterogeneity.poses.views import ViewTable
from napari_cryoai.physics.slices import FourierVolume
from napari_cryoai.physics.so3 import angle_deg, children, grid_cells, rotations_of

LEVELS = ((2, 12), (3, 16), (4, 20))
"""Order of the grid, and the last shell that is compared."""
STEP = 0.4
"""Of the shifts at a level, in units of the shortest length that is compared there."""
GROWTH = 1.5
"""Of the radius, from one local refinement to the next."""
KEEP, LEAST = 32, 4
MARGIN, SHARE = 5.0, 0.05
"""Measured with true maps: the cell of the right pose is worse than the best cell by less than
these in 95 of 100 images of SNR 0.1 and of SNR 1."""
MODES, APART_DEG = 3, 10.0
POINTS = 1 << 19
"""Frequencies that are cut out of the map at a time."""
ELEMENTS = 1 << 23
"""Likelihoods of the first level at a time."""


@dataclass(frozen=True, eq=False)
class FoundPoses:
    """Poses of `m` images.

    Attributes
    ----------
    rotations
        `(m, 3, 3)` float64 that take the map into the view.
    shifts_yx_px
        `(m, 2)` where the particle's centre lies relative to the box centre.
    log_likelihood
        `(m,)` against an image without a particle.
    probability
        `(m,)` of this mode, among the best few that lie apart.
    second_deg
        `(m,)` angle to the second-best mode; NaN if nothing else could be.
    angle_sd_deg, shift_sd_px
        `(m,)` uncertainty within the mode, along one direction.
    entropy
        `(m,)` of orientation and shift at the first level, in nats: 0 where low resolution alone
        leaves no doubt.
    """

    rotations: Tensor
    shifts_yx_px: Tensor
    log_likelihood: Tensor
    probability: Tensor
    second_deg: Tensor
    angle_sd_deg: Tensor
    shift_sd_px: Tensor
    entropy: Tensor

    @classmethod
    def joined(cls, parts: list[FoundPoses]) -> FoundPoses:
        """Of all parts, in their order."""
        return cls(*(torch.cat([getattr(p, f.name) for p in parts]).cpu() for f in fields(cls)))

    def select(self, rows: Tensor) -> FoundPoses:
        """Of some images."""
        return FoundPoses(*(getattr(self, f.name)[rows] for f in fields(self)))


class PoseSearch:
    """Searches all poses of one map.

    Parameters
    ----------
    map_
        `(n, n, n)`, filtered as it deserves: what is noise in it is taken for signal.
    noise
        `(n // 2 + 1,)` variance of the images' transforms in each shell.
    radius
        Of the last shell that is compared.
    limit_px
        How far from the centre of the box, along a radius, a particle may be.
    group
        `(g, 3, 3)` point group of the map: its asymmetric unit alone is searched.
    keep
        How many cells of an image go on from the first level at most; half as many from each
        following one.
    """

    def __init__(
        self,
        map_: Tensor,
        noise: Tensor,
        radius: int,
        limit_px: float,
        *,
        group: Tensor | None = None,
        keep: int = KEEP,
    ):
        self.n, self.noise, self.radius, self.keep = map_.shape[-1], noise, radius, keep
        self.volume = FourierVolume.of_map(map_)
        self.table = ViewTable(map_, min(radius, LEVELS[-1][1]))
        order, reach = LEVELS[0]
        reach = min(reach, radius)
        self.base = BaseGrid.of_map(
            self.volume,
            grid_cells(order, group).to(map_.device),
            order,
            shift_grid(self._step_px(reach), limit_px, map_.device),
            by_length(self.n, reach, map_.device).xy,
        )

    def search(self, images: PoseImages, volume: FourierVolume | None = None) -> FoundPoses:
        """The best poses of images.

        Parameters
        ----------
        images
            At all frequencies up to the radius.
        volume
            The map that decides in the end, if it is not the one that is searched.
        """
        found, entropy = self._first(images)
        for level in range(1, len(LEVELS)):
            found = self._next(found, images, level)
        return self._climb(found, images, entropy, volume or self.volume)

    def _step_px(self, reach: int) -> float:
        return STEP * self.n / reach

    def _first(self, images: PoseImages) -> tuple[Candidates, Tensor]:
        """All cells and shifts; also the entropy of what they say of each image."""
        low = images.within(min(LEVELS[0][1], self.radius))
        each = max(1, ELEMENTS // (len(self.base.cells) * len(self.base.shifts)))
        parts, entropies = [], []
        for start in range(0, len(images), each):
            score = self.base.likelihood(low.select(slice(start, start + each)), self.noise)
            entropies.append(entropy_of(score.flatten(1)))
            parts.append(self._promising(score, start))
        return self._kept(Candidates.joined(parts), len(images), 0), torch.cat(entropies)

    def _promising(self, score: Tensor, start: int) -> Candidates:
        """The best cells of each image, each with its best shift, of `(m, s, c)`."""
        per_cell, shift = score.max(1)
        top = per_cell.topk(min(self.keep, per_cell.shape[1]), 1)
        image = torch.arange(start, start + len(score), device=score.device)
        return Candidates(
            image.repeat_interleave(top.values.shape[1]),
            self.base.cells[top.indices].flatten(),
            self.base.shifts[shift.gather(1, top.indices)].flatten(0, 1),
            top.values.flatten(),
        )

    def _kept(self, tried: Candidates, count: int, level: int) -> Candidates:
        most = max(LEAST, self.keep >> level)
        return tried.best(count, most=most, least=LEAST, margin=MARGIN, share=SHARE)

    def _next(self, found: Candidates, images: PoseImages, level: int) -> Candidates:
        """Divide the cells and try their parts."""
        order, reach = LEVELS[level]
        reach = min(reach, self.radius)
        cells = children(found.cell, order - 1)
        rotations = rotations_of(cells.flatten(), order).to(images.xy)
        axis = torch.arange(-1.0, 2.0, device=cells.device) * self._step_px(reach) / 2
        score, shift = self._try(
            images.within(reach),
            found,
            rotations.reshape(*cells.shape, 3, 3),
            torch.cartesian_prod(axis, axis),
        )
        image = found.image.repeat_interleave(cells.shape[1])
        tried = Candidates(image, cells.flatten(), shift.flatten(0, 1), score.flatten())
        return self._kept(tried, len(images), level)

    def _try(
        self, images: PoseImages, found: Candidates, rotations: Tensor, offsets: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Log-likelihoods `(c, r)` of orientations `(c, r, 3, 3)`, each at the best of the shifts
        `(t, 2)` away from that of its parent, and these shifts `(c, r, 2)`."""
        k, (count, parts) = len(images.xy), rotations.shape[:2]
        values, transfer = images.whitened(self.noise)
        turning = as_real(phases(offsets, images.xy, self.n).conj().resolve_conj()).T
        scores, shifts = [], []
        for rows in batches(count, POINTS // (k * parts)):
            image, centre = found.image[rows], found.shift[rows]
            centred = values[image] * phases(centre, images.xy, self.n)
            views = self.table.at(rotations[rows].flatten(0, 1), images.xy)
            views = views.reshape(-1, parts, k)
            best = (as_real(views.conj() * centred[:, None]) @ turning).max(-1)
            norm = (views.abs().square() @ transfer[image][..., None])[..., 0]
            scores.append(marginal(2 * best.values, 2 * norm))
            shifts.append(centre[:, None] + offsets[best.indices])
        return torch.cat(scores), torch.cat(shifts)

    def _climb(
        self, found: Candidates, images: PoseImages, entropy: Tensor, volume: FourierVolume
    ) -> FoundPoses:
        """Move the best modes of each image to their maximum, at a growing radius."""
        order, reach = LEVELS[-1]
        rotations = rotations_of(found.cell, order)
        rows = found.modes(rotations, len(images), most=MODES, apart_deg=APART_DEG)
        image, pose, shift = found.image[rows], rotations[rows], found.shift[rows]
        reach = min(reach, self.radius)
        while True:
            several = images.within(reach).select(image)
            local = refine_locally(volume, several, self.noise, pose, shift, steps=2)
            kept = _apart(local, image, len(images))
            local, image = local.select(kept), image[kept]
            if reach >= self.radius:
                return _best(local, image, len(images), entropy)
            pose, shift = local.rotations, local.shifts_yx_px
            reach = min(self.radius, math.ceil(GROWTH * reach))


def _apart(local: LocalPoses, image: Tensor, count: int) -> Tensor:
    """Rows of the modes that are still apart from those better than they are, and no worse than
    the margin; sorted by image, the best first."""
    number = torch.arange(len(image), device=image.device)
    modes = Candidates(image, number, local.shifts_yx_px, local.score).sorted()
    rotations = local.rotations[modes.cell]
    rows = modes.modes(rotations, count, most=MODES, apart_deg=APART_DEG / 2)
    first = modes.first(count)
    near = modes.score >= modes.score[first][modes.image] - 2 * MARGIN
    return modes.cell[rows[near[rows]]]


def _best(local: LocalPoses, image: Tensor, count: int, entropy: Tensor) -> FoundPoses:
    """The first mode of each image, and how far ahead of the second it is."""
    images = torch.arange(count, device=image.device)
    best = torch.searchsorted(image, images)
    weight = torch.exp(local.score - local.score[best][image])
    total = weight.new_zeros(count).index_add(0, image, weight)
    second = (best + 1).clamp(max=len(image) - 1)
    there = (image[second] == images) & (second > best)
    angle = angle_deg(local.rotations[best], local.rotations[second]).float()
    return FoundPoses(
        local.rotations[best],
        local.shifts_yx_px[best],
        local.score[best],
        1 / total,
        torch.where(there, angle, torch.nan),
        local.angle_sd_deg[best],
        local.shift_sd_px[best],
        entropy,
    )


def entropy_of(score: Tensor) -> Tensor:
    """Of the distributions that log-likelihoods `(m, c)` are of, in nats."""
    excess = score - score.amax(1, keepdim=True)
    weight = excess.exp()
    total = weight.sum(1)
    return total.log() - (weight * excess).sum(1) / total
