"""Sharpening with a slider: a coarse surface while it moves, then every voxel. Free of Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_cryoai.core.contour import contour_of
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.isosurface import Mesh, isosurface
from napari_cryoai.maps.level import level_enclosing, same_volume
from napari_cryoai.ui.maps.history import Content

if TYPE_CHECKING:
    from torch import Tensor

COARSE_SIDE_PX, COARSE_FACES = 112, 60_000


@dataclass(frozen=True, eq=False)
class Prepared:
    """A map on a coarser grid, as its Fourier transform: what a moving slider needs.

    Attributes
    ----------
    shape
        `(nz, ny, nx)` of the coarse grid.
    centre
        Voxel of the map that lies where the coarse grid has its central one, `n // 2`.
    step
        Width of a coarse voxel in voxels of the map, along z, y, x.
    """

    transform: Tensor
    shape: tuple[int, int, int]
    centre: tuple[int, ...]
    step: tuple[float, ...]
    pixel_size_A: float
    volume_A3: float


def prepare(base: Content) -> Prepared:
    """Look at the map once, before the slider moves."""
    import torch  # it takes seconds to load, and a viewer of maps does without

    from napari_cryoai.physics.fourier import resize_fourier, to_fourier

    density = base.density
    transform = to_fourier(torch.from_numpy(density.data), 3)
    part = min(1.0, COARSE_SIDE_PX / max(density.shape))
    nz, ny, nx = (max(2, 2 * round(n * part / 2)) if part < 1 else n for n in density.shape)
    step = tuple(n / m for n, m in zip(density.shape, (nz, ny, nx), strict=True))
    return Prepared(
        resize_fourier(transform, density.shape, (nz, ny, nx)),
        (nz, ny, nx),
        tuple(n // 2 for n in density.shape),
        step,
        density.pixel_size_A,
        base.contour.volume_A3(base.level),
    )


def preview(prepared: Prepared, b_factor_A2: float) -> Mesh:
    """A surface of the sharpened map that encloses as much as before; in voxels of the map."""
    import torch

    from napari_cryoai.physics.fourier import frequencies, to_real

    g2 = torch.zeros(())
    for f, step in zip(frequencies(prepared.shape), prepared.step, strict=True):
        g2 = g2 + (f / (step * prepared.pixel_size_A)) ** 2
    weight = torch.exp(-b_factor_A2 / 4 * g2)
    data = to_real(prepared.transform * weight, prepared.shape).numpy()
    coarse = DensityMap(data, prepared.pixel_size_A * math.prod(prepared.step) ** (1 / 3))
    contour = contour_of(coarse)
    level = level_enclosing(contour, prepared.volume_A3)
    mesh = isosurface(coarse.data, level, max_faces=COARSE_FACES)
    from_centre = mesh.vertices - np.array([n // 2 for n in prepared.shape])
    vertices = from_centre * prepared.step + prepared.centre
    return Mesh(vertices.astype(np.float32), mesh.faces, mesh.step)


def sharpened(base: Content, b_factor_A2: float) -> Content:
    """The map multiplied by `exp(-B g^2 / 4)`, at the level that encloses as much as before."""
    import torch

    from napari_cryoai.physics.sharpening import apply_b_factor

    density = base.density
    data = apply_b_factor(torch.from_numpy(density.data), b_factor_A2, density.pixel_size_A)
    found = Content.of(density.with_data(data.numpy()), 0.0, colourings=base.colourings)
    level = same_volume(base.level, base.contour, found.contour)
    return Content(found.density, found.contour, level, base.colourings)
