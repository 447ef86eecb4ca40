"""Masks made from a map: coarse ones while a slider moves, then the fine one. Free of Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.isosurface import Mesh, isosurface

if TYPE_CHECKING:
    from torch import Tensor

COARSE_VOXELS = 600_000
OUTLINE_FACES = 120_000


@dataclass(frozen=True)
class MaskWish:
    """How a mask is made; lengths in Angstrom.

    Attributes
    ----------
    threshold
        Of the low-passed map, in its unit.
    fill
        Whether cavities inside it belong to it.
    """

    threshold: float
    low_pass_A: float
    dilate_A: float
    edge_A: float
    fill: bool


@dataclass(frozen=True, eq=False)
class Outline:
    """A mask as it is previewed.

    Attributes
    ----------
    mesh
        Its surface at one half, in voxels of `grid`.
    grid
        The map that it was made on, coarser than the original.
    volume_A3
        Of what is at least half inside.
    part
        Of the box.
    """

    mesh: Mesh
    grid: DensityMap
    volume_A3: float
    part: float


def coarse(density: DensityMap) -> DensityMap:
    """The map with fewer, larger voxels, but none that a mask would miss.

    Voxel (0, 0, 0) stays in its place; boxes are cut short by less than a coarse voxel.
    """
    step = math.ceil((density.data.size / COARSE_VOXELS) ** (1 / 3))
    if step == 1:
        return density
    nz, ny, nx = (n // step * step for n in density.shape)
    blocks = density.data[:nz, :ny, :nx]
    blocks = blocks.reshape(nz // step, step, ny // step, step, nx // step, step)
    shift = (step - 1) / 2 * density.pixel_size_A
    z, y, x = (o + shift for o in density.origin_A)
    return DensityMap(blocks.mean((1, 3, 5)), density.pixel_size_A * step, (z, y, x))


def suggested_threshold(density: DensityMap, low_pass_A: float) -> tuple[float, float, float]:
    """A threshold of the low-passed map, and the range worth a look: lowest and highest."""
    from napari_cryoai.physics.masks import threshold_of

    smooth = _smooth(density, low_pass_A)
    low, high = np.quantile(smooth.numpy(), (0.3, 0.9995))
    found = threshold_of(smooth)
    return found, float(low), float(max(high, found * 1.5, found + 1e-6))


def make_mask(density: DensityMap, wish: MaskWish) -> DensityMap:
    """The mask, on the grid of the map."""
    import torch  # it takes seconds to load, and a viewer of maps does without

    from napari_cryoai.physics.masks import mask_of_map

    mask = mask_of_map(
        torch.from_numpy(density.data),
        density.pixel_size_A,
        threshold=wish.threshold,
        low_pass_A=max(wish.low_pass_A, 2 * density.pixel_size_A),
        dilate_A=wish.dilate_A,
        edge_A=wish.edge_A,
        fill_holes=wish.fill,
    )
    return density.with_data(mask.numpy())


def outline(density: DensityMap, wish: MaskWish) -> Outline:
    """A coarse mask, quickly, and its surface."""
    grid = coarse(density)
    mask = make_mask(grid, wish)
    return outline_of(mask)


def outline_of(mask: DensityMap) -> Outline:
    """The surface of a mask at one half."""
    inside = float((mask.data >= 0.5).mean())
    volume = inside * mask.data.size * mask.pixel_size_A**3
    return Outline(isosurface(mask.data, 0.5, max_faces=OUTLINE_FACES), mask, volume, inside)


def _smooth(density: DensityMap, low_pass_A: float) -> Tensor:
    import torch  # it takes seconds to load, and a viewer of maps does without

    from napari_cryoai.physics.radial import low_pass

    grid = coarse(density)
    return low_pass(
        torch.from_numpy(grid.data), grid.pixel_size_A, max(low_pass_A, 2 * grid.pixel_size_A)
    )
