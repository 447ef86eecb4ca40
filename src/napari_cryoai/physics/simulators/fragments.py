"""Pieces of particles that have come apart: on most grids there are some, and nobody picks them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.physics.simulators.pseudo_atoms import Particle, project, random_rotations

Floats = NDArray[np.float64]

KINDS = 4
"""Different pieces on a micrograph: a complex breaks where it is weak."""

SHARE = (0.1, 0.45)
"""Of the particle's mass in a piece."""


def add_fragments(
    phase: NDArray[np.float32],
    particle: Particle,
    centres_A: Floats,
    rng: np.random.Generator,
    *,
    pixel_size_A: float,
) -> None:
    """Draw pieces of a particle into a projected density.

    Parameters
    ----------
    phase
        `(ny, nx)` mass per pixel, of which a particle has 1; before the Gaussian of the
        pseudo-atoms.
    centres_A
        `(n, 2)` where they lie.
    """
    for centres in np.array_split(centres_A, KINDS):
        if len(centres):
            piece = broken_off(particle, rng)
            share = len(piece.xyz_A) / len(particle.xyz_A)
            phase += project(
                piece,
                centres,
                random_rotations(len(centres), rng),
                np.full(len(centres), share),
                phase.shape,
                pixel_size_A,
            )


def broken_off(particle: Particle, rng: np.random.Generator) -> Particle:
    """What lies beyond a random plane, its middle at the origin."""
    direction = rng.normal(size=3)
    height = particle.xyz_A @ (direction / np.linalg.norm(direction))
    kept = particle.xyz_A[height >= np.quantile(height, 1 - rng.uniform(*SHARE))]
    return replace(particle, xyz_A=kept - kept.mean(0))
