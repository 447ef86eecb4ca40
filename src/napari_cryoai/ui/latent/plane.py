"""The plane of two columns: where particles lie in it, and which place a point of it means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.axes import Axes
from napari_cryoai.ui.latent.columns import Column

Rest = Literal["nearby", "hold", "particle"]
"""What the coordinates that a plane does not show do while the cursor moves: they follow the mean
of the particles nearby, stay, or are those of the nearest particle."""
NEIGHBOURS = 40
AT_ONCE = 50_000
"""Particles that can be looked through without a stutter."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Two columns of all particles.

    Attributes
    ----------
    x, y
        The columns.
    table
        The particles.
    """

    x: Column
    y: Column
    table: LatentTable

    @cached_property
    def xy(self) -> NDArray[np.float32]:
        """`(n, 2)`."""
        return np.stack([self.x.values, self.y.values], 1)

    @cached_property
    def directions(self) -> NDArray[np.float64] | None:
        """`(2, d)` if the plane is a flat one of the latent space, else None."""
        if self.x.direction is None or self.y.direction is None:
            return None
        rows = np.stack([self.x.direction, self.y.direction])
        return rows if np.linalg.matrix_rank(rows) == 2 or self.table.z_dim == 1 else None

    @cached_property
    def axes(self) -> Axes | None:
        """As axes of the latent space; None if it is no flat plane of it."""
        flat = self.directions
        if flat is None or np.linalg.matrix_rank(flat) < 2:
            return None
        return Axes(np.linalg.pinv(flat) @ self._origin, flat, np.zeros(2))

    @property
    def ready(self) -> bool:
        """Whether the nearest particle is found at once; of many, `tree` is to be made first."""
        return "tree" in self.__dict__ or len(self.xy) <= AT_ONCE

    @cached_property
    def tree(self) -> tuple[cKDTree, NDArray[np.intp]]:
        """For the nearest particle, in units of the scatter along each axis; and their rows."""
        rows = np.flatnonzero(np.isfinite(self.xy).all(1))
        return cKDTree(self.xy[rows] / self._scale, compact_nodes=False, balanced_tree=False), rows

    def nearest(self, point: NDArray[np.floating], count: int = 1) -> NDArray[np.intp]:
        """Rows of the particles nearest to a point, the nearest first; none while not `ready`."""
        if not self.ready:
            return np.zeros(0, np.intp)
        tree, rows = self.tree
        if not len(rows):
            return rows
        _, found = tree.query(np.asarray(point, float) / self._scale, min(count, len(rows)))
        return rows[np.atleast_1d(found)]

    def point_of(self, z: NDArray[np.floating]) -> NDArray[np.float64]:
        """Where a place `(d,)` lies: exact in a flat plane, else where its nearest particle is.

        Of very many particles, every so many are looked at for that.
        """
        if self.directions is not None:
            return self.directions @ np.asarray(z, float) - self._origin
        some = slice(None, None, -(-len(self.xy) // AT_ONCE))
        xy = self.xy[some]
        away = np.square(self.table.mean[some] - np.asarray(z, np.float32)).sum(1)
        away[~np.isfinite(xy).all(1)] = np.inf
        return xy[int(away.argmin())].astype(float)

    def z_at(
        self, point: NDArray[np.floating], now: NDArray[np.floating], rest: Rest
    ) -> NDArray[np.float32]:
        """The place that a point means.

        Parameters
        ----------
        point
            `(2,)` in the plane.
        now
            `(d,)`, the place before.
        rest
            See `Rest`; a plane that is not flat knows particles only.
        """
        flat = self.directions
        if flat is None or rest == "particle":
            near = self.nearest(point)
            return self.table.mean[near[0]] if len(near) else np.asarray(now, np.float32)
        z = np.asarray(now, float)
        if rest == "nearby":
            near = self.nearest(point, NEIGHBOURS)
            z = self.table.mean[near].mean(0).astype(float) if len(near) else z
        missing = np.asarray(point, float) - (flat @ z - self._origin)
        return (z + np.linalg.pinv(flat) @ missing).astype(np.float32)

    @cached_property
    def _origin(self) -> NDArray[np.float64]:
        """What the columns subtract: `directions @ z - origin` is the point of z."""
        assert self.directions is not None  # noqa: S101 - callers have checked
        finite = np.flatnonzero(np.isfinite(self.xy).all(1))[:1]
        if not len(finite):
            return np.zeros(2)
        first = int(finite[0])
        return self.directions @ self.table.mean[first].astype(float) - self.xy[first]

    @cached_property
    def _scale(self) -> NDArray[np.float64]:
        spread = np.nanstd(self.xy.astype(np.float64), axis=0)
        return np.where(np.isfinite(spread) & (spread > 0), spread, 1.0)
