"""A map of any box, voxel size and place, brought to the grid of the networks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.building.tracing.standard import AROUND_PX, FAINT, PIXEL_A
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.fourier import frequencies, resize_fourier, to_fourier, to_real
from napari_cryoai.physics.gaussian import blurred

Floats = NDArray[np.float64]

AROUND_A = 10.0
"""What is left around the molecule; and what is added where the box ends."""

SPIKES, SPIKE = 30, 2.0
"""Voxels that may be spikes, the highest ones; and how far above all others they may stay."""

FEWEST_A, MOST_A = 16.0, 2000.0
"""Sides of boxes."""

COARSEST_A = 3.5
"""Voxels beyond which no backbone can be seen."""

GIVEN_BYTES, GRID_BYTES, SEEN_BYTES = 20, 85, 115
"""Of memory for each voxel of the given map, of that on the networks' grid, and of what is left of
it to be traced: at most, as measured."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """A map on a grid of 1 A, or nearly so, cut to where the molecule is.

    Attributes
    ----------
    volume
        `(d, h, w)` in the map's unit.
    pixel_A, origin_A
        `(3,)` z, y, x: `world_A = origin_A + index * pixel_A`.
    box
        `(2, 3)` z, y, x: where on the grid the first and the last voxel of the given map lie.
    """

    volume: Tensor
    pixel_A: Floats
    origin_A: Floats
    box: Floats

    def world_xyz_A(self, zyx: Floats) -> Floats:
        """Points `(n, 3)` of the grid in space, as atoms have them."""
        world: Floats = (self.origin_A + zyx * self.pixel_A)[:, ::-1]
        return world

    def index_zyx(self, xyz_A: Floats) -> Floats:
        """Atoms `(n, 3)` on the grid."""
        index: Floats = (xyz_A[:, ::-1] - self.origin_A) / self.pixel_A
        return index

    def given(self, zyx: Floats) -> NDArray[np.bool_]:
        """`(n,)` whether points of the grid lie in the given map, and not in what was added."""
        found: NDArray[np.bool_] = ((zyx >= self.box[0]) & (zyx <= self.box[1])).all(1)
        return found


def prepare(density: DensityMap) -> Prepared:
    """Resample a map in Fourier space.

    Raises
    ------
    CryoAIError
        If the map is constant, holds numbers that are not finite, is too small, too large or too
        coarse, or needs more memory than this machine has.
    """
    _check(density)
    pixel = density.pixel_size_A
    around = int(np.ceil(AROUND_A / pixel))
    padded_px = [n + 2 * around for n in density.shape]
    sides = [2 * round(n * pixel / PIXEL_A / 2) for n in padded_px]
    _check_memory(GIVEN_BYTES * math.prod(padded_px) + GRID_BYTES * math.prod(sides))
    level = float(np.median(density.data))
    # The ramp keeps a molecule that is cut by the box from ringing on the other side.
    padded = np.pad(_without_spikes(density.data), around, mode="linear_ramp", end_values=level)
    padded -= level
    transform = to_fourier(torch.from_numpy(padded.astype(np.float32)), 3)
    shape = np.array(padded.shape)
    found = shape * pixel / np.array(sides)
    transform = resize_fourier(transform, padded.shape, sides)
    # Resizing keeps voxel n // 2 in place. That is not the middle of an even box, and a box that is
    # turned about its middle would come to lie on another grid.
    shift_A = pixel * (shape // 2 - (shape - 1) / 2) - found / 2
    resized = to_real(_moved(transform, shift_A / found, sides), sides)
    middle = pixel * ((shape - 1) / 2 - around) - found * (np.array(sides) - 1) / 2
    corners = np.array([[0, 0, 0], np.array(density.shape) - 1]) * pixel
    box = (corners - middle) / found
    kept = _cut(Prepared(resized, found, np.array(density.origin_A) + middle, box))
    _check_memory(SEEN_BYTES * kept.volume.numel())
    return kept


def _moved(transform: Tensor, shift_px: Floats, shape: Sequence[int]) -> Tensor:
    """The transform, in place, of a volume that is moved by `(z, y, x)`."""
    for wave, px in zip(frequencies(shape), shift_px.tolist(), strict=True):
        transform *= torch.polar(torch.ones_like(wave), -2 * math.pi * px * wave)
    return transform


def _without_spikes(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Lone voxels of many times what all others hold would set the scale for the whole map."""
    if data.size <= SPIKES:
        return data.copy()
    highest = float(np.partition(data.ravel(), -SPIKES)[-SPIKES])
    return np.minimum(data, SPIKE * abs(highest))


def _check(density: DensityMap) -> None:
    problem = None
    if not np.isfinite(density.data).all():
        problem = "the map holds numbers that are not finite"
    elif np.ptp(_without_spikes(density.data)) == 0:
        problem = "the map is constant: there is nothing in it"
    elif min(density.extent_A) < FEWEST_A:
        problem = (
            f"the box is {min(density.extent_A):.0f} A along one side, too small for a protein"
        )
    elif max(density.extent_A) > MOST_A:
        problem = f"the box is {max(density.extent_A):.0f} A along one side, too large"
    elif density.pixel_size_A > COARSEST_A:
        problem = f"voxels of {density.pixel_size_A:g} A show no backbone"
    if problem:
        raise CryoAIError(
            problem, remedy="Choose a map of 5 A or better, with its voxel size right"
        )


def _check_memory(needed: int) -> None:
    there = psutil.virtual_memory().total
    if needed > there:
        raise CryoAIError(
            f"the map takes {needed / 2**30:.0f} GiB of memory on a grid of {PIXEL_A:g} A, and "
            f"this machine has {there / 2**30:.0f} GiB",
            remedy="Crop it to the molecule (panel Map, section Edit and save), or check its voxel "
            "size",
        )


def _cut(whole: Prepared) -> Prepared:
    """The part of the box in which there is any contrast to speak of."""
    volume = whole.volume
    mean = blurred(volume, AROUND_PX)
    contrast = (blurred(volume.square(), AROUND_PX) - mean.square()).clamp(min=0).sqrt()
    inside = contrast > FAINT * contrast.max()
    slices, first = [], []
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        rows = torch.nonzero(inside.any(others[1]).any(others[0]))[:, 0]
        low = max(0, int(rows[0]) - round(AROUND_A))
        high = min(volume.shape[axis], int(rows[-1]) + 1 + round(AROUND_A))
        slices.append(slice(low, high))
        first.append(low)
    z, y, x = slices
    origin = whole.origin_A + np.array(first) * whole.pixel_A
    box = whole.box - np.array(first)
    return Prepared(volume[z, y, x].contiguous(), whole.pixel_A, origin, box)
