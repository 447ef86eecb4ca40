"""The free energy of states in a plane, as it is drawn: contours, and what it is somewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, zoom
from skimage.measure import find_contours

from napari_cryoai.heterogeneity.analysis.landscape import Landscape

Floats = NDArray[np.float64]

LEVELS_KT = (1.0, 2.0, 3.0, 4.0, 5.0)
BLUR = 1.5
"""In cells: a likeliest density is spiky, and spikes between neighbouring cells mean nothing."""
FINER = 3
"""Points of a contour to each cell."""
_DEEPEST_KT = 20.0


@dataclass(frozen=True, eq=False)
class Contour:
    """A line of equal free energy.

    Attributes
    ----------
    level_kT
        Above the lowest.
    points
        `(m, 2)` in the plane.
    """

    level_kT: float
    points: Floats


@dataclass(frozen=True, eq=False)
class FreeEnergy:
    """Of a plane.

    Attributes
    ----------
    ticks
        Coordinates of the cells along x and y.
    energy_kT
        `(x, y)` of each cell, above the lowest; infinite where hardly a particle is.
    contours
        For `LEVELS_KT`.
    """

    ticks: tuple[Floats, Floats]
    energy_kT: Floats
    contours: tuple[Contour, ...]

    @classmethod
    def of(cls, found: Landscape) -> FreeEnergy:
        """Of a landscape along two axes."""
        x, y = found.ticks
        density = gaussian_filter(found.density, BLUR, mode="constant")
        with np.errstate(divide="ignore"):
            energy = -np.log(density / density.max())
        contours = _contours(np.minimum(energy, _DEEPEST_KT), (x, y))
        energy = np.where(density * found.particles < 1e-2, np.inf, energy)
        return cls((x, y), energy, contours)

    def at(self, point: ArrayLike) -> float:
        """At a point `(2,)` of the plane, in kT; infinite where hardly a particle is."""
        where = [
            (value - tick[0]) / (tick[1] - tick[0])
            for value, tick in zip(np.asarray(point, float), self.ticks, strict=True)
        ]
        finite = np.where(np.isfinite(self.energy_kT), self.energy_kT, _DEEPEST_KT)
        found = float(
            map_coordinates(
                finite, np.array(where)[:, None], order=1, mode="constant", cval=_DEEPEST_KT
            )[0]
        )
        nearest = tuple(round(float(w)) for w in where)
        inside = all(0 <= i < n for i, n in zip(nearest, finite.shape, strict=True))
        return found if inside and np.isfinite(self.energy_kT[nearest]) else np.inf

    def text(self, point: ArrayLike) -> str:
        """At a point of the plane, in words."""
        found = self.at(point)
        if not np.isfinite(found):
            return "Free energy: no particles here"
        return f"Free energy {found:.1f} kT above the lowest"


def _contours(energy: Floats, ticks: tuple[Floats, Floats]) -> tuple[Contour, ...]:
    fine = zoom(energy, FINER, order=3, grid_mode=False)
    found = []
    for level in LEVELS_KT:
        for line in find_contours(fine, level):
            index = line / (np.array(fine.shape) - 1) * (np.array(energy.shape) - 1)
            points = [
                np.interp(i, np.arange(len(t)), t) for i, t in zip(index.T, ticks, strict=True)
            ]
            found.append(Contour(level, np.stack(points, 1)))
    return tuple(found)
