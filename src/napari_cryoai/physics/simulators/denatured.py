"""Proteins that have unfolded at the air-water interface: faint, flat, smeared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.physics.simulators.pseudo_atoms import Particle, project

Floats = NDArray[np.float64]

SEGMENT_A = 12.0
"""Persistence of an unfolded chain, as a step of a random walk."""


POINTS = 4_000
"""Pseudo-atoms of a chain as heavy as the folded particle."""


def add_denatured(
    phase: NDArray[np.float32],
    centres_A: Floats,
    rng: np.random.Generator,
    *,
    diameter_A: float,
    weight: float,
    pixel_size_A: float,
    sigma_A: float,
) -> None:
    """Draw unfolded chains into a projected density.

    Parameters
    ----------
    phase
        `(ny, nx)` mass per pixel, before the Gaussian of the pseudo-atoms.
    centres_A
        `(n, 2)` where they lie.
    diameter_A
        Of the folded particle; a chain spreads over about twice that.
    weight
        Mass of the folded particle.
    sigma_A
        Of the pseudo-atoms.
    """
    if not len(centres_A):
        return
    masses = rng.uniform(0.4, 0.9, len(centres_A))
    points = [
        np.array([centre[1], centre[0], 0.0]) + rng.choice(_chain(diameter_A, rng), int(POINTS * m))
        for centre, m in zip(centres_A, masses, strict=True)
    ]
    all_of_them = Particle(np.concatenate(points), sigma_A, 2 * diameter_A)
    phase += project(
        all_of_them,
        np.zeros((1, 2)),
        np.eye(3)[None],
        np.array([weight * masses.sum()]),
        (phase.shape[0], phase.shape[1]),
        pixel_size_A,
    )


def _chain(diameter_A: float, rng: np.random.Generator) -> Floats:
    """A random walk that spreads over twice the diameter, flat as the interface."""
    wanted_A = diameter_A * rng.uniform(1.5, 2.5) / 4  # standard deviation along each axis
    count = max(60, int(2 * 6 * (wanted_A / SEGMENT_A) ** 2))
    walk = np.cumsum(rng.normal(0, SEGMENT_A, (count, 3)), axis=0)
    walk -= walk.mean(0)
    walk *= wanted_A / walk[:, :2].std()
    walk[:, 2] *= 0.1
    blurred = np.repeat(walk, 6, axis=0)
    return blurred + rng.normal(0, SEGMENT_A / 2, blurred.shape)
