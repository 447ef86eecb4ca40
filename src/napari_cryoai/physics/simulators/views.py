"""Random orientations, even or preferring one view as particles at an interface do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_cryoai.physics.simulators.pseudo_atoms import random_rotations

Floats = NDArray[np.float64]


def draw_rotations(
    count: int,
    rng: np.random.Generator,
    preferred_fraction: float = 0.0,
    preferred_spread_deg: float = 20.0,
) -> Floats:
    """Matrices `(count, 3, 3)` that take a map into its views.

    Parameters
    ----------
    preferred_fraction
        Share of particles seen along their z axis; the others' orientations are uniform.
    preferred_spread_deg
        Standard deviation of their tilt about either axis; the angle in the plane is uniform.
    """
    rotations = random_rotations(count, rng)
    preferred = np.flatnonzero(rng.random(count) < preferred_fraction)
    if not len(preferred):
        return rotations
    tilt = np.hypot(*rng.normal(0, preferred_spread_deg, (2, len(preferred))))
    turns = rng.uniform(0, 360, (2, len(preferred)))
    angles = np.stack([turns[0], tilt, turns[1]], -1)
    rotations[preferred] = Rotation.from_euler("zyz", angles, degrees=True).as_matrix()
    return rotations
