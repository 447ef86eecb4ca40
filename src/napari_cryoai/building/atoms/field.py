"""The density around a model, as a smooth field that can be asked anywhere, with its slope."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn import functional

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.physics.fourier import resize_fourier, squared_frequency, to_fourier, to_real

Floats = NDArray[np.float64]

MARGIN_A = 8.0
"""How far around the model the map is kept."""
FINEST_A = 0.5
MOST_VOXELS = 24_000_000
BLUR = 0.06
"""Width of the blur against noise, of the resolution."""
SOLVENT_A = (4.0, 7.0)
"""What lies so far from the model is taken for background."""


@dataclass(frozen=True, eq=False)
class Field:
    """Density of which 0 is the background and 1 is usual at the backbone.

    Attributes
    ----------
    values
        `(1, 1, nz, ny, nx)` float32.
    first_A, step_A
        Place (x, y, z) of the first value, and the distance between values.
    """

    values: Tensor
    first_A: Tensor
    step_A: float

    def at(self, xyz_A: Tensor) -> Tensor:
        """Density `(n,)` at places `(n, 3)` (x, y, z); the background outside. Differentiable."""
        size = torch.tensor(self.values.shape[:1:-1], dtype=xyz_A.dtype)
        where = (xyz_A - self.first_A.to(xyz_A)) / self.step_A * 2 / (size - 1) - 1
        grid = where.reshape(1, 1, 1, -1, 3).to(self.values.dtype)
        found = functional.grid_sample(self.values, grid, align_corners=True)
        return found.reshape(-1).to(xyz_A.dtype)

    def sample(self, xyz_A: Floats) -> Floats:
        """Density `(...)` at places `(..., 3)`."""
        flat = torch.as_tensor(xyz_A.reshape(-1, 3), dtype=torch.float32)
        found: Floats = self.at(flat).numpy().reshape(xyz_A.shape[:-1]).astype(np.float64)
        return found


def field_around(density: DensityMap, resolution_A: float, ca_A: Floats) -> Field | None:
    """The part of a map that holds a model, blurred against noise, on a fine grid.

    Parameters
    ----------
    ca_A
        `(n, 3)` places (x, y, z) of the CA.

    Returns
    -------
    field
        None if the model does not lie in the map, or there is no density where it lies.
    """
    cut = _cut(density, ca_A)
    if cut is None:
        return None
    data, first_zyx = cut
    finer = _refinement(data.numel(), density.pixel_size_A)
    values = _filtered(data, density.pixel_size_A, resolution_A, finer)[None, None]
    first = torch.as_tensor(first_zyx[::-1].copy(), dtype=torch.float32)
    return _normalised(Field(values, first, density.pixel_size_A / finer), ca_A)


def _filtered(data: Tensor, pixel_size_A: float, resolution_A: float, finer: int) -> Tensor:
    """Without the noise beyond the resolution, on a grid so many times finer."""
    shape = tuple(data.shape)
    blur = BLUR * resolution_A
    g2 = squared_frequency(shape, pixel_size_A)
    transform = to_fourier(data, 3) * torch.exp(-2 * math.pi**2 * blur**2 * g2)
    finer_shape = tuple(n * finer for n in shape)
    return to_real(resize_fourier(transform, shape, finer_shape), finer_shape)


def _cut(density: DensityMap, ca_A: Floats) -> tuple[Tensor, Floats] | None:
    index = density.index_of(ca_A[:, ::-1])
    margin = MARGIN_A / density.pixel_size_A
    low = np.maximum(np.floor(index.min(0) - margin), 0).astype(int)
    high = np.minimum(np.ceil(index.max(0) + margin) + 1, density.shape).astype(int)
    high -= (high - low) % 2  # of an even box the centre stays in place on the finer grid
    if ((high - low) < 4).any():
        return None
    part = tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    return torch.from_numpy(density.data[part].copy()), density.world_of(low)


def _refinement(voxels: int, pixel_size_A: float) -> int:
    wanted = math.ceil(pixel_size_A / FINEST_A)
    allowed = int((MOST_VOXELS / voxels) ** (1 / 3))
    return max(1, min(wanted, allowed))


def _normalised(field: Field, ca_A: Floats) -> Field | None:
    size = np.array(field.values.shape[:1:-1])
    rng = np.random.default_rng(0)
    anywhere = field.first_A.numpy() + rng.random((20_000, 3)) * (size - 1) * field.step_A
    away, _ = cKDTree(ca_A).query(anywhere)
    solvent = anywhere[(away > SOLVENT_A[0]) & (away < SOLVENT_A[1])]
    background = float(np.median(field.sample(solvent))) if len(solvent) > 50 else 0.0
    level = float(np.median(field.sample(ca_A))) - background
    if not level > 0:
        return None
    return Field((field.values - background) / level, field.first_A, field.step_A)
