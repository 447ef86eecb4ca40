"""A simulated map and its half maps: something to try the tools on, offline."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.physics.simulators.pseudo_atoms import make_particle

BOX_PX, PIXEL_A, DIAMETER_A = 120, 1.5, 120.0
RESOLUTION_A = 5.0
_NOISE = 0.06


def demo_maps(seed: int = 0) -> dict[str, DensityMap]:
    """A tetramer as a map and two half maps, which carry independent noise.

    Density and noise are made so that the half maps agree to about `RESOLUTION_A`. The map is
    their mean, low-passed there.

    Returns
    -------
    maps
        "map", "half 1" and "half 2".
    """
    particle = make_particle("globular", DIAMETER_A, seed)
    rng = np.random.default_rng(seed)
    truth = _density(particle.xyz_A[:, ::-1])
    halves = [truth + _NOISE * _noise(rng) for _ in range(2)]
    mean = ndimage.gaussian_filter((halves[0] + halves[1]) / 2, RESOLUTION_A / PIXEL_A / 3.5)
    names = ("map", "half 1", "half 2")
    return {
        name: DensityMap(values.astype(np.float32), PIXEL_A)
        for name, values in zip(names, (mean, *halves), strict=True)
    }


def _density(zyx_A: NDArray[np.float64]) -> NDArray[np.float64]:
    """The pseudo-atoms as narrow Gaussians, with a peak of about 1."""
    grid = np.zeros((BOX_PX,) * 3)
    index = np.round(zyx_A / PIXEL_A).astype(int) + BOX_PX // 2
    np.add.at(grid, tuple(index.T), 1.0)
    blurred = ndimage.gaussian_filter(grid, 1.6 / PIXEL_A)
    return np.asarray(blurred / np.quantile(blurred[blurred > 1e-6], 0.99))


def _noise(rng: np.random.Generator) -> NDArray[np.float64]:
    """Noise of unit variance, a little coloured, as the average of interpolated images has it."""
    white = ndimage.gaussian_filter(rng.normal(size=(BOX_PX,) * 3), 0.5)
    return np.asarray(white / white.std())
