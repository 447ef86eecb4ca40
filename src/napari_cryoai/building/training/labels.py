"""What the backbone network learns to say of every voxel, from the atoms that are there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.building.training.peptides import Peptides
from napari_cryoai.core.secondary import secondary_structure

Floats = NDArray[np.float64]

ATOM_A, TRACE_A = 0.9, 1.0
"""Widths of the Gaussians around atoms and along the backbone: standard deviations."""

REACH = 3
"""Voxels of 1 A around an atom beyond which nothing is said of it."""

SECONDARY = "HEC"
"""Helix, strand, coil; labelled 1, 2, 3."""

NEAR_A = 3.0
"""How far from CA a voxel is part of the residue's secondary structure."""

SAMPLES = 3
"""Points of the backbone for each of its bonds."""


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels on a grid of 1 A; `[z, y, x]`.

    Attributes
    ----------
    heat
        `(4, n, n, n)` uint8, 0 to 255: N, CA, C, and the backbone.
    direction
        `(3, n, n, n)` int8, -127 to 127: the way (z, y, x) from N to C along the backbone; zero far
        from it.
    secondary
        `(n, n, n)` uint8: 0 far from any CA, or 1 + the place in `SECONDARY`.
    """

    heat: NDArray[np.uint8]
    direction: NDArray[np.int8]
    secondary: NDArray[np.uint8]


def label(peptides: Peptides, n: int) -> Labels:
    """Label a box.

    Parameters
    ----------
    peptides
        In the frame of the box: positions (x, y, z) in A from its voxel `n // 2`.
    n
        Side of the box in voxels of 1 A.
    """
    zyx = peptides.backbone_A[:, :, ::-1] + n // 2
    heat = [_splat(zyx[:, atom], n, ATOM_A) for atom in range(3)]
    points, tangents = _polyline(zyx, peptides.stretches())
    heat.append(_splat(points, n, TRACE_A))
    return Labels(
        np.round(255 * np.stack(heat)).astype(np.uint8),
        _directions(points, tangents, n),
        _secondary(zyx[:, 1], peptides, heat[3], n),
    )


def _polyline(zyx: Floats, chains: list[NDArray[np.intp]]) -> tuple[Floats, Floats]:
    """Points along the backbones, and where they lead."""
    points, tangents = [np.empty((0, 3))], [np.empty((0, 3))]
    for rows in chains:
        atoms = zyx[rows, :3].reshape(-1, 3)
        last = len(atoms) - 1
        at = np.linspace(0, last, SAMPLES * last + 1)
        points.append(_at(atoms, at))
        tangents.append(_at(atoms, np.minimum(at + 2, last)) - _at(atoms, np.maximum(at - 2, 0)))
    return np.concatenate(points), np.concatenate(tangents)


def _at(atoms: Floats, at: Floats) -> Floats:
    """Points of a polyline, by linear interpolation."""
    low = np.minimum(at.astype(np.intp), len(atoms) - 2)
    part = (at - low)[:, None]
    found: Floats = (1 - part) * atoms[low] + part * atoms[low + 1]
    return found


def _around(zyx: Floats, n: int, sigma: float) -> tuple[NDArray[np.intp], Floats, NDArray[np.intp]]:
    """Flat voxel numbers around points, Gaussian weights, and the points they belong to."""
    steps = np.arange(-REACH, REACH + 1)
    offsets = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    voxels = np.round(zyx).astype(np.intp)[:, None] + offsets
    squared = ((voxels - zyx[:, None]) ** 2).sum(-1)
    kept = ((voxels >= 0) & (voxels < n)).all(-1) & (squared <= REACH**2)
    flat = (voxels[..., 0] * n + voxels[..., 1]) * n + voxels[..., 2]
    rows = np.broadcast_to(np.arange(len(zyx))[:, None], kept.shape)
    return flat[kept], np.exp(-squared[kept] / (2 * sigma**2)), rows[kept]


def _splat(zyx: Floats, n: int, sigma: float) -> NDArray[np.float32]:
    grid = np.zeros(n**3, np.float32)
    flat, weights, _ = _around(zyx, n, sigma)
    np.maximum.at(grid, flat, weights.astype(np.float32))
    return grid.reshape(n, n, n)


def _directions(points: Floats, tangents: Floats, n: int) -> NDArray[np.int8]:
    tangents = tangents / np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9)
    flat, weights, rows = _around(points, n, TRACE_A)
    total = np.stack([np.bincount(flat, weights * tangents[rows, axis], n**3) for axis in range(3)])
    length = np.linalg.norm(total, axis=0)
    unit = total / np.maximum(length, 1e-6)
    return np.round(127 * unit * (length > 1e-3)).astype(np.int8).reshape(3, n, n, n)


def _secondary(
    ca: Floats, peptides: Peptides, trace: NDArray[np.float32], n: int
) -> NDArray[np.uint8]:
    grid = np.zeros(n**3, np.uint8)
    if len(ca):
        kinds = secondary_structure(peptides.backbone_A[:, 1], peptides.stretches())
        codes = 1 + np.array([SECONDARY.index(kind) for kind in kinds.tolist()], np.uint8)
        near = np.flatnonzero(trace.ravel() > 0.02)
        places = np.stack(np.unravel_index(near, trace.shape), -1)
        distance, nearest = cKDTree(ca).query(places, distance_upper_bound=NEAR_A)
        inside = np.isfinite(distance)
        grid[near[inside]] = codes[nearest[inside]]
    return grid.reshape(n, n, n)
