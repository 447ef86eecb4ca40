"""What real maps hold besides the protein in order: motion, detergent, nucleic acids, glycans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

from napari_cryoai.core.structure import Structure

Floats = NDArray[np.float64]

MAIN_CHAIN = ("N", "CA", "C", "O", "OXT")

BELT_A = 30.0
"""Thickness of the belt of detergent around a membrane protein, along the membrane's normal."""

_PHOSPHATE = (("P", 8.9, 0.0, 0.0), ("O", 10.1, -4.0, 0.3), ("O", 8.9, 8.0, 1.2))
_SUGAR = (
    *(("O", 8.0, -8.0, 0.2), ("C", 7.9, -18.0, 0.8), ("C", 7.4, -27.0, 0.2)),
    *(("O", 6.4, -25.0, 0.8), ("C", 7.9, -28.0, -1.2), ("O", 9.1, -30.0, -1.7)),
    *(("C", 7.0, -19.0, -1.8), ("C", 6.0, -20.0, -0.7)),
)
_BASE = (
    *(("N", 4.9, -12.0, -0.5), ("C", 5.0, 4.0, -0.4), ("N", 4.2, 18.0, -0.3)),
    *(("C", 2.9, 18.0, -0.2), ("C", 2.5, -8.0, -0.3), ("C", 3.8, -22.0, -0.4)),
    *(("O", 2.3, 48.0, -0.1), ("N", 1.6, -40.0, -0.2)),
)
"""A nucleotide of B-DNA in cylindrical coordinates, roughly: element, radius, angle, height."""


def with_b_field(
    structure: Structure, rng: np.random.Generator, mean_A2: float, spread: float
) -> Structure:
    """New B-factors, one for each residue: a smooth random field that rises towards the outside.

    Parameters
    ----------
    mean_A2
        Median over the residues.
    spread
        Standard deviation of the natural logarithm.
    """
    residue = structure.residue_index()
    count = int(residue[-1]) + 1
    places = np.stack(
        [np.bincount(residue, structure.xyz_A[:, i], count) for i in range(3)], -1
    ) / np.bincount(residue, minlength=count).reshape(-1, 1)
    places -= places.mean(0)
    reach = np.linalg.norm(places, axis=1)
    waves = rng.normal(0, 2 * np.pi / 60.0, (8, 3))
    field = np.cos(places @ waves.T + rng.uniform(0, 2 * np.pi, 8)).sum(1) / 2
    field += 1.5 * (reach - reach.mean()) / (reach.std() + 1e-6) + 0.3 * rng.normal(size=count)
    field = (field - np.median(field)) / (field.std() + 1e-6)
    b = np.clip(mean_A2 * np.exp(spread * field), 5.0, 600.0)
    return Structure(**{**vars(structure), "b_factors_A2": b[residue]})


def with_moving_side_chains(structure: Structure, per_A_A2: float, acids: float) -> Structure:
    """Side chains that move more than the main chain, and acids that the beam has damaged.

    Parameters
    ----------
    per_A_A2
        B-factor that an atom of a side chain gains for each A that it lies away from CA.
    acids
        Occupancy of the carboxyl groups of Asp and Glu, which the beam takes first (Bartesaghi et
        al. 2014, PNAS 111, 11709).
    """
    residue = structure.residue_index()
    side = ~np.isin(structure.atom_names, MAIN_CHAIN) & ~structure.is_nucleic()
    ca = np.full((int(residue[-1]) + 1, 3), np.nan)
    alphas = structure.atom_names == "CA"
    ca[residue[alphas]] = structure.xyz_A[alphas]
    away_A = np.nan_to_num(np.linalg.norm(structure.xyz_A - ca[residue], axis=1))
    carboxyl = (structure.residue_names == "ASP") & np.isin(structure.atom_names, ["OD1", "OD2"])
    carboxyl |= (structure.residue_names == "GLU") & np.isin(structure.atom_names, ["OE1", "OE2"])
    return replace(
        structure,
        b_factors_A2=structure.b_factors_A2 + per_A_A2 * away_A * side,
        occupancies=np.where(carboxyl, acids, 1.0) * structure.occupancies,
    )


def duplex(length: int, b_factor_A2: float = 100.0) -> Structure:
    """A straight double helix of nucleic acid, its axis along z: 3.4 A and 36 degrees a step.

    Its grooves, phosphates and stacked bases are where they are in B-DNA, to an Angstrom or so:
    enough to show a network what is not protein, and nothing to build with.
    """
    atoms = [*_PHOSPHATE, *_SUGAR, *_BASE]
    radius, angle, height = (np.array([a[i] for a in atoms], float) for i in (1, 2, 3))
    step = np.arange(length)[:, None]
    turn = np.radians(36.0 * step + angle)
    one = np.stack([radius * np.cos(turn), radius * np.sin(turn), 3.4 * step + height], -1).reshape(
        -1, 3
    )
    one[:, 2] -= 1.7 * (length - 1)
    # The other strand runs the other way; 155 degrees between them make a wide groove and a narrow.
    dyad = np.radians(155.0 + 36.0 * (length - 1)) / 2
    axis = np.array([np.cos(dyad), np.sin(dyad), 0.0])
    other = Rotation.from_rotvec(np.pi * axis).apply(one)
    elements = [a[0] for a in atoms] * (2 * length)
    return Structure.of_atoms(np.concatenate([one, other]), elements, b_factor_A2)


def glycan(rng: np.random.Generator, sugars: int, b_factor_A2: float = 150.0) -> Structure:
    """A branched chain of sugar rings that grows from the origin along z."""
    turn = np.radians(60.0 * np.arange(6))
    chair = np.stack([1.45 * np.cos(turn), 1.45 * np.sin(turn), 0.25 * (-1.0) ** np.arange(6)], -1)
    arms = np.stack([2.8 * np.cos(turn), 2.8 * np.sin(turn), 0.5 * (-1.0) ** np.arange(6)], -1)
    ring = np.concatenate([chair, arms[1:5]])
    kinds = ["O", *["C"] * 5, *["O"] * 3, "C"]
    places = [np.array([0.0, 0.0, 3.0])]
    parts = [_turned(ring, rng) + places[0]]
    for _ in range(sugars - 1):
        onto = places[int(rng.integers(max(0, len(places) - 2), len(places)))]
        step = rng.normal(size=3) + np.array([0.0, 0.0, 1.5])
        places.append(onto + 5.3 * step / np.linalg.norm(step))
        parts.append(_turned(ring, rng) + places[-1])
    return Structure.of_atoms(np.concatenate(parts), kinds * sugars, b_factor_A2)


def on_surface(
    decoy: Structure, structure: Structure, rng: np.random.Generator, *, upright: bool
) -> Structure:
    """Put a decoy onto the surface of a structure, in touch with it and without overlap.

    Parameters
    ----------
    upright
        Whether its z axis points outwards and its origin is what touches, as for a glycan.
    """
    tree = cKDTree(structure.xyz_A)
    middle = structure.xyz_A.mean(0)
    outwards = rng.normal(size=3)
    outwards /= np.linalg.norm(outwards)
    turned = _upright(decoy.xyz_A, outwards, rng) if upright else _turned(decoy.xyz_A, rng)
    along = (structure.xyz_A - middle) @ outwards
    for away in np.arange(0.0, along.max() + 60.0, 1.0):
        placed = turned + middle + away * outwards
        if tree.query(placed)[0].min() > 2.8:
            return decoy.moved_to(placed)
    return decoy.moved_to(turned + middle + (along.max() + 60.0) * outwards)


def belt(
    structure: Structure,
    axis: Floats,
    n: int,
    pixel_size_A: float,
    *,
    width_A: float = 22.0,
    height_V: float = 1.5,
) -> Tensor:
    """Density of detergent around the waist of a membrane protein, `(n, n, n)`.

    Head groups are denser than water, tails about as dense; so the belt is a shell. It follows the
    protein's outline, without detail.

    Parameters
    ----------
    axis
        Unit vector (x, y, z) along the membrane's normal.
    width_A
        How far it reaches from the protein.
    height_V
        Of the head groups over water; real ones are seen at a third of the protein's density.
    """
    grid = (torch.arange(n, dtype=torch.float32) - n // 2) * pixel_size_A
    z, y, x = torch.meshgrid(grid, grid, grid, indexing="ij")
    places = torch.stack([x, y, z], -1).reshape(-1, 3).numpy()
    near = cKDTree(structure.xyz_A).query(places, distance_upper_bound=width_A + 8, workers=1)[0]
    distance = torch.as_tensor(np.minimum(near, 1e3), dtype=torch.float32).reshape(n, n, n)
    height = torch.as_tensor(places @ axis, dtype=torch.float32).reshape(n, n, n).abs()
    # Distance inside a rounded slab: head groups line its surface, tails fill it.
    inside = torch.minimum(width_A - distance, BELT_A / 2 - height)
    outside_protein = torch.sigmoid((distance - 3.0) / 0.8)
    heads = torch.exp(-(((inside - 3.0) / 3.5) ** 2))
    tails = 0.15 * torch.sigmoid((inside - 6.0) / 2.0)
    return height_V * outside_protein * (heads * (inside > -6) + tails)


def _turned(xyz: Floats, rng: np.random.Generator) -> Floats:
    turned: Floats = Rotation.from_quat(rng.normal(size=4)).apply(xyz)
    return turned


def _upright(xyz: Floats, outwards: Floats, rng: np.random.Generator) -> Floats:
    spun = Rotation.from_euler("z", rng.uniform(0, 360), degrees=True).apply(xyz)
    onto, _ = Rotation.align_vectors(outwards[None], np.array([[0.0, 0.0, 1.0]]))
    turned: Floats = onto.apply(spun)
    return turned
