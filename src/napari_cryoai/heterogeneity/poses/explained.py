"""How much of the signal in the images a map accounts for: what tells a wrong map from a right one.

A wrong map agrees with itself: its half maps come from the same poses. But the power that images
have beyond their noise is there whatever the map. In a shell, for images `y` with the CTF `C`, and
slices `S1`, `S2` of the two half maps at their poses, `S1` that of the half without `y`,

    explained = sum Re y* C S1 / sqrt( sum (|y|^2 - noise)  sum C^2 Re S1* S2 )

is the correlation of images without noise with a map without noise: 1 for the right map at the
right poses, and less the less these are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from napari_cryoai.core.halves import Rows
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.poses.images import (
    READ_AT_ONCE,
    PoseImages,
    background_power,
    read_pose_images,
    window_share,
)
from napari_cryoai.heterogeneity.poses.likelihood import phases
from napari_cryoai.heterogeneity.poses.search import FoundPoses
from napari_cryoai.jobs.progress import Job, Progress
from napari_cryoai.physics.slices import FourierVolume

CERTAIN = 4.0
"""Standard deviations of its error that the power of a shell has to exceed the noise by."""
FIRST, TOGETHER = 4, 4
"""Shells before the first hold the shape of the whole; so many are taken together."""
DOUBTFUL = 0.7
"""If the finest correlate by less, the map may be wrong."""
BACKGROUND = 0.2
"""Share of an image's area that its noise is measured on."""
ASKED = 2000
"""Images of each half, at most."""


@dataclass(frozen=True, eq=False)
class Explained:
    """Sums over images in each shell, `(n // 2 + 1,)`.

    Attributes
    ----------
    power, error
        Of the images beyond their noise, and how uncertain that is.
    common
        Real part of images and slices.
    slices
        Power of the slices, times the squares of the CTF.
    box_A
        Side of the images.
    """

    power: Tensor
    error: Tensor
    common: Tensor
    slices: Tensor
    box_A: float

    @property
    def finest(self) -> slice | None:
        """The finest shells with certain signal; None if the images hold hardly any."""
        power = self.power[FIRST:].unfold(0, TOGETHER, 1).sum(1)
        error = self.error[FIRST:].unfold(0, TOGETHER, 1).square().sum(1).sqrt()
        weak = (power < CERTAIN * error).nonzero()
        certain = int(weak[0]) if len(weak) else len(power)
        return slice(FIRST + certain - 1, FIRST + certain - 1 + TOGETHER) if certain else None

    @property
    def share(self) -> float:
        """Correlation of map and images in the finest shells with certain signal, 0 to 1."""
        if self.finest is None:
            return 1.0
        common, power, slices = (
            float(values[self.finest].sum().clamp(min=0))
            for values in (self.common, self.power, self.slices)
        )
        return min(1.0, common / (power * slices) ** 0.5) if slices > 0 else 0.0

    @property
    def doubt(self) -> str | None:
        """What to tell a user whose map does not explain the images; None if it does."""
        if self.finest is None or self.share >= DOUBTFUL:
            return None
        coarse_A, fine_A = (self.box_A / k for k in (self.finest.start, self.finest.stop - 1))
        return (
            f"This map may be wrong: with what the images show at {coarse_A:.0f} to {fine_A:.0f} A "
            f"it correlates by {self.share:.2f} only, at right poses by 0.8 or more. Try more "
            "--starts, another --seed, or particles with less junk among them"
        )


def explained(
    stack: ParticleStack,
    rows: tuple[Rows, Rows],
    poses: tuple[FoundPoses, FoundPoses],
    maps: tuple[Tensor, Tensor],
) -> Job[Explained]:
    """Compare some images with the map of the half that they are not in.

    Parameters
    ----------
    rows, poses, maps
        Of each half: its particles, their poses, and its map `(n, n, n)` in a mask.
    """
    volumes = [FourierVolume.of_map(map_) for map_ in maps]
    some = [np.arange(0, len(half), -(-len(half) // ASKED)) for half in rows]
    asked = np.concatenate([half[few] for half, few in zip(rows, some, strict=True)])
    noise = background_power(stack, asked).to(maps[0].device)
    sums = _Sums(len(noise))
    for half, start in product((0, 1), range(0, ASKED, READ_AT_ONCE)):
        few = some[half][start : start + READ_AT_ONCE]
        if len(few):
            yield Progress(99, 100, "Comparing images and map")
            images = read_pose_images(stack, rows[half][few], None, maps[0].device)
            found = poses[half].select(torch.from_numpy(few))
            sums.add(images, found, (volumes[1 - half], volumes[half]), noise)
    return sums.found(stack.box_size_px * stack.require_pixel_size(), noise)


class _Sums:
    """Sums over images in each shell."""

    def __init__(self, size: int):
        self.count = 0
        self.power, self.squares, self.common, self.slices = torch.zeros(4, size).double()
        self.frequencies = torch.ones(size)

    def add(
        self,
        images: PoseImages,
        poses: FoundPoses,
        volumes: tuple[FourierVolume, FourierVolume],
        noise: Tensor,
    ) -> None:
        """Count images; the first volume is that of the half without them."""
        rotations, shifts = (
            values.to(images.transfer) for values in (poses.rotations, poses.shifts_yx_px)
        )
        other, own = (volume.at(rotations, images.xy) for volume in volumes)
        centred = images.values * phases(shifts, images.xy, images.n)
        beyond = (images.power - noise[images.shell]) * window_share(images.n)
        for total, values in (
            (self.power, beyond),
            (self.squares, beyond.square()),
            (self.common, (centred.conj() * other).real),
            (self.slices, images.transfer * (own.conj() * other).real),
        ):
            total.index_add_(0, images.shell.cpu(), values.sum(0).double().cpu())
        self.frequencies = torch.bincount(images.shell.cpu(), minlength=len(noise)).clamp(min=1)
        self.count += len(images)

    def found(self, box_A: float, noise: Tensor) -> Explained:
        """The noise is uncertain too, and alike for all images."""
        background = self.frequencies * self.count / BACKGROUND
        uncertain = noise.cpu().double() * background.sqrt()
        error = (self.squares + uncertain.square()).sqrt()
        return Explained(self.power, error, self.common, self.slices, box_A)
