"""A density map and the place that it has in space."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.errors import CryoAIError


@dataclass(frozen=True, eq=False)
class DensityMap:
    """Density on a cubic grid; it is bright (positive).

    `world_A = origin_A + index * pixel_size_A`, in z, y, x: what lies at a voxel's index lies there
    in space, and where the atoms of a fitted model are.

    Parameters
    ----------
    data
        `(nz, ny, nx)` float32, every value finite.
    pixel_size_A
        Side of a voxel.
    origin_A
        `(z, y, x)` of the centre of voxel (0, 0, 0).
    """

    data: NDArray[np.float32]
    pixel_size_A: float
    origin_A: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if self.data.ndim != 3 or not self.data.size:
            raise ValueError(f"a map has three axes and at least one voxel, not {self.data.shape}")
        if self.data.dtype != np.float32:
            object.__setattr__(self, "data", self.data.astype(np.float32))
        if not (math.isfinite(self.pixel_size_A) and self.pixel_size_A > 0):
            raise ValueError(f"no voxel has a side of {self.pixel_size_A} A")

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(nz, ny, nx)`."""
        nz, ny, nx = self.data.shape
        return nz, ny, nx

    @property
    def extent_A(self) -> tuple[float, float, float]:
        """Sides of the box, `(z, y, x)`."""
        nz, ny, nx = (n * self.pixel_size_A for n in self.shape)
        return nz, ny, nx

    @cached_property
    def mean(self) -> float:
        """Mean of the whole box."""
        return float(self.data.mean(dtype=np.float64))

    @cached_property
    def sigma(self) -> float:
        """Standard deviation of the whole box: the unit in which levels are often given."""
        # In float64 section by section: a copy of a large map in float64 may not fit in memory.
        squares = sum(float(np.square(s - self.mean, dtype=np.float64).sum()) for s in self.data)
        return math.sqrt(squares / self.data.size)

    def index_of(self, world_A: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where points `(n, 3)` in space, z, y, x, lie on the grid, in voxels."""
        return (np.asarray(world_A, float) - self.origin_A) / self.pixel_size_A

    def world_of(self, index: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where grid points `(n, 3)` lie in space, z, y, x."""
        return np.asarray(index, float) * self.pixel_size_A + self.origin_A

    def with_data(self, data: NDArray[np.floating]) -> DensityMap:
        """Other values on the same grid."""
        if data.shape != self.data.shape:
            raise ValueError(f"the grid has {self.data.shape} voxels, not {data.shape}")
        return replace(self, data=np.asarray(data, np.float32))


def check_same_grid(one: DensityMap, other: DensityMap, *, what: str = "maps") -> None:
    """Refuse to compare voxel by voxel what does not lie on the same grid.

    Raises
    ------
    CryoAIError
        If box, voxel size or place differ.
    """
    if one.shape != other.shape:
        sizes = (" x ".join(str(n) for n in reversed(m.shape)) for m in (one, other))
        problem = f"the boxes of the {what} differ: {' and '.join(sizes)} voxels"
    elif not math.isclose(one.pixel_size_A, other.pixel_size_A, rel_tol=1e-3):
        sizes = (f"{m.pixel_size_A:g}" for m in (one, other))
        problem = f"the voxel sizes of the {what} differ: {' and '.join(sizes)} A"
    elif not np.allclose(one.origin_A, other.origin_A, atol=0.05 * one.pixel_size_A):
        places = (", ".join(f"{o:.2f}" for o in reversed(m.origin_A)) for m in (one, other))
        problem = f"the {what} lie in different places: {' and '.join(places)} A (x, y, z)"
    else:
        return
    raise CryoAIError(problem, remedy="Choose files that belong together, or resample one of them")
