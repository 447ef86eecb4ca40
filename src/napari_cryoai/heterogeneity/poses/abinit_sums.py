"""Half maps from images at the poses that were found for them, and what the next search needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.heterogeneity.poses.images import PoseImages, by_length, in_shells, window_share
from napari_cryoai.heterogeneity.poses.likelihood import phases
from napari_cryoai.heterogeneity.poses.search import FoundPoses
from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.physics.fsc import fsc
from napari_cryoai.physics.masks import mask_of_map, sphere
from napari_cryoai.physics.radial import power_spectrum

CORRELATED = 0.3
"""Shells of the half maps that correlate by less are not compared with images yet."""
CORRELATED_TOGETHER = 0.5
"""The same while both halves are compared with one map, which makes them more alike."""
AHEAD = 2
"""How many shells further a search goes: what it finds may correlate in the next round."""

SOLVENT = 0.8
"""How far from the density its mask begins to fall, and how wide the fall is, in units of the
shortest length in it."""


class HalfSum:
    """The sum of one half of the images, and their power.

    Parameters
    ----------
    n
        Side of the images.
    group
        `(g, 3, 3)` point group of the map.
    """

    def __init__(self, n: int, group: Tensor, device: torch.device):
        self.sum = SliceSum(n, symmetry=group, device=device)
        circle = by_length(n, device=device)
        self._order = torch.argsort(torch.argsort(circle.index))
        self._shell = circle.xy.square().sum(1).sqrt().round().long()
        self._power = torch.zeros(len(circle.xy), device=device)
        self._transfer = torch.zeros(len(circle.xy), device=device)
        self._count = 0

    def add(self, images: PoseImages, poses: FoundPoses) -> None:
        """Insert images, of all frequencies, at their poses, as much as these are probable."""
        share = poses.probability[:, None]
        centred = images.values * share * phases(poses.shifts_yx_px, images.xy, images.n)
        values, weights = torch.empty_like(centred), torch.empty_like(images.transfer)
        values[:, self._order], weights[:, self._order] = centred, images.transfer * share
        self.sum.insert(values, weights, poses.rotations.float())
        self._power += images.power.sum(0)
        self._transfer += images.transfer.sum(0)
        self._count += len(images)

    def noise(self, map_: Tensor) -> Tensor:
        """Variance in each shell, `(n // 2 + 1,)`, of what the map does not explain."""
        n = self.sum.n
        power, transfer = (
            in_shells(total / self._count, self._shell, n // 2 + 1)
            for total in (self._power, self._transfer)
        )
        signal = transfer * power_spectrum(map_).to(power) / window_share(n)
        noise = torch.maximum(power - signal, 0.2 * power)
        noise[0] = noise[1]  # the window has made the mean of the images meaningless
        return noise


@dataclass(frozen=True, eq=False)
class References:
    """What the next search compares the images of each half with.

    Attributes
    ----------
    maps
        Of the halves, filtered by their FSC; the same at the lowest frequencies.
    noise
        Of the halves.
    radius
        Of the last shell that is worth a comparison.
    fsc
        `(n // 2 + 1,)` of the half maps.
    """

    maps: tuple[Tensor, Tensor]
    noise: tuple[Tensor, Tensor]
    radius: int
    fsc: Tensor

    @classmethod
    def of(
        cls, one: HalfSum, two: HalfSum, least: int, mask: Tensor, *, together: bool
    ) -> References:
        """From the sums of the halves, in a mask.

        Parameters
        ----------
        least
            The smallest radius.
        together
            Whether both halves are to be compared with the map of all images.
        """
        halves = [half.sum.map() * mask for half in (one, two)]
        correlation = fsc(*halves)
        positive = correlation.clamp(1e-3, 1 - 1e-6)
        ratio = (1 - positive) / positive / (2 if together else 1)
        ratio[(correlation < 0.02).cumsum(0) > 0] = 1e6
        ratio[0] = 0
        sums = [one.sum.add(two.sum)] if together else [one.sum, two.sum]
        maps = [total.map(ratio) * mask for total in sums]
        maps = [maps[0], maps[-1]]
        weak = (correlation[1:] < (CORRELATED_TOGETHER if together else CORRELATED)).nonzero()
        n = one.sum.n
        last = int(weak[0]) if len(weak) else n // 2 - 1
        radius = max(least, min(last + AHEAD, n // 2 - 1))
        noise = one.noise(maps[0]), two.noise(maps[1])
        return cls((maps[0], maps[1]), noise, radius, correlation)

    def up_to(self, radius: int) -> References:
        """The same, for a search at low resolution."""
        return replace(self, radius=min(radius, self.radius))


def solvent_mask(one: HalfSum, two: HalfSum, within: Tensor, shell: int) -> Tensor:
    """Around the density that both halves have up to a shell, and wide of it by about a detail.

    Solvent is noise alone: without it the maps are right to a higher resolution. Where no density
    stands out yet, the mask that is given is returned.

    Parameters
    ----------
    within
        `(n, n, n)`, beyond which there is no particle.
    """
    detail_px = one.sum.n / shell
    density = one.sum.add(two.sum).map() * within
    width = SOLVENT * detail_px
    try:
        mask = mask_of_map(density, 1.0, low_pass_A=detail_px, dilate_A=width, edge_A=width)
    except CryoAIError:  # nothing but noise
        return within
    return mask * within


def spherical_mask(n: int, device: torch.device) -> Tensor:
    """Soft, as large as the box allows."""
    return sphere((n, n, n), 0.8 * n / 2, 0.15 * n / 2, device=device)
