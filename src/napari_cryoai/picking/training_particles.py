"""What the particles of training fields look like: built by rule, from structures, assembled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from napari_cryoai.core.structure import Structure
from napari_cryoai.io.structures import read_structure
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.pseudo_atoms import (
    KINDS,
    Kind,
    Particle,
    make_particle,
    random_rotations,
)

Floats = NDArray[np.float64]

GROUPS = ("C2", "C3", "C4", "C5", "C6", "C7", "C8", "D2", "D3", "D4", "D5", "D6", "D7", "T", "O")
"""Point groups of assemblies, as scipy names them."""

LARGEST_A = 350.0
MOST_POINTS = 1_500
"""Of a particle: large ones are thinned out. What a field costs is mostly to project them."""

RESIDUE_A = 3.5
"""Width of the Gaussian that a residue is."""

BOX_PER_DIAMETER = 1.09


def built_by_rule(rng: np.random.Generator) -> Particle:
    """Shells, barrels, globules: any size that such a thing has."""
    kind: Kind = KINDS[int(rng.integers(len(KINDS)))]
    low, high = {"small": (80, 120), "barrel": (130, 250)}.get(kind, (100, 300))
    particle = make_particle(kind, rng.uniform(low, high), int(rng.integers(1 << 31)))
    few = rng.permutation(len(particle.xyz_A))[:MOST_POINTS]
    return replace(particle, xyz_A=particle.xyz_A[few])


def of_structure(structures: Sequence[Path], rng: np.random.Generator) -> Particle:
    """A structure as it is, one Gaussian per residue."""
    return _particle(residues_A(structures[int(rng.integers(len(structures)))]))


def assembled(structures: Sequence[Path], rng: np.random.Generator) -> Particle:
    """Copies of a structure under a point group: rings, cages, dimers.

    They touch or nearly so, from a compact complex to one that is open in the middle. Groups that
    make it too large are passed over.
    """
    unit = residues_A(structures[int(rng.integers(len(structures)))])
    unit = unit @ random_rotations(1, rng)[0].T
    radius_A = float(np.sqrt((unit**2).sum(1).mean() * 5 / 3))
    for name in rng.permutation(GROUPS):
        group = Rotation.create_group(str(name)).as_matrix()
        away = _distance(str(name), len(group)) * radius_A * rng.uniform(0.7, 1.1)
        direction = rng.normal(size=3)
        if name[0] == "C":
            direction[2] = 0.0
        placed = unit + away * direction / np.linalg.norm(direction)
        few = rng.permutation(len(placed))[: max(50, MOST_POINTS // len(group))]
        # Fewer points, each of them wider: as even as before.
        width_A = RESIDUE_A * (len(placed) / len(few)) ** (1 / 3)
        xyz_A = np.einsum("gij,aj->gai", group, placed[few]).reshape(-1, 3)
        particle = _particle(xyz_A, width_A)
        if particle.diameter_A <= LARGEST_A:
            break
    return particle


def conformers_of(
    structures: Sequence[Path], rng: np.random.Generator, pixels_per_diameter: int
) -> Conformers:
    """A structure as the potential of its atoms, with room to turn."""
    path = structures[int(rng.integers(len(structures)))]
    return _conformers(path, pixels_per_diameter)


@lru_cache(maxsize=32)
def _conformers(path: Path, pixels_per_diameter: int) -> Conformers:
    structure = read_structure(path)
    box = 2 * int(np.ceil(BOX_PER_DIAMETER * pixels_per_diameter / 2))
    pixel_size_A = structure.diameter_A / pixels_per_diameter
    return Conformers.of_structures([structure], box, pixel_size_A)


@lru_cache(maxsize=512)
def residues_A(path: Path) -> Floats:
    """Middles `(n, 3)` of the residues of a structure, their mean at the origin."""
    structure: Structure = read_structure(path)
    index = structure.residue_index()
    count = np.bincount(index)
    sums = [np.bincount(index, structure.xyz_A[:, axis]) for axis in range(3)]
    middles: Floats = np.stack(sums, -1) / count[:, None]
    return middles - middles.mean(0)


def _distance(name: str, order: int) -> float:
    """How far from the middle balls of radius 1 touch, about."""
    if name[0] == "C":
        return float(1 / np.sin(np.pi / order))
    return float(np.sqrt(order) / 1.8)


def _particle(xyz_A: Floats, sigma_A: float = RESIDUE_A) -> Particle:
    xyz_A = xyz_A - (xyz_A.max(0) + xyz_A.min(0)) / 2
    reach_A = np.linalg.norm(xyz_A, axis=1).max()
    return Particle(xyz_A, sigma_A, float(2 * (reach_A + sigma_A)))
