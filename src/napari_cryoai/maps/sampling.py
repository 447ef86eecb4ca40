"""Values of one map at places of another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap


def values_at(density: DensityMap, world_A: NDArray[np.floating]) -> NDArray[np.float32]:
    """Density at points in space, interpolated linearly; beyond the box, that of its edge.

    Parameters
    ----------
    world_A
        `(n, 3)`, z, y, x.

    Returns
    -------
    values
        `(n,)`.
    """
    from scipy.ndimage import map_coordinates  # slow to import

    index = density.index_of(world_A).astype(np.float32).T
    found = map_coordinates(density.data, index, order=1, mode="nearest", prefilter=False)
    return np.asarray(found, np.float32)
