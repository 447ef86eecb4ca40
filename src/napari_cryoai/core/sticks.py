"""Sticks: atoms and the bonds between them as a mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from napari_cryoai.core.spline import unit

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

# Cordero et al. (2008), Dalton Trans., 2832, in A.
_RADII_A = {"H": 0.31, "C": 0.76, "N": 0.71, "O": 0.66, "P": 1.07, "S": 1.05, "SE": 1.20}
_METAL_A = 1.30
_SLACK_A = 0.40
COLOURS = {
    "N": "#5b8def", "O": "#e0563f", "S": "#e8c43c", "P": "#ef8f32", "H": "#e8e8e8", "SE": "#e8a33c",
}  # fmt: skip
"""Of the elements, as molecules are drawn by most; the rest, and carbon, as the caller likes."""
_SIDES = 8


@dataclass(frozen=True, eq=False)
class Sticks:
    """Triangles, and the atom that each corner belongs to.

    Attributes
    ----------
    vertices
        `(m, 3)` float32 in space, z, y, x, in A.
    faces
        `(k, 3)` int32.
    atom
        `(m,)` row of the atom of each vertex: each half of a bond is its own atom's.
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    atom: NDArray[np.int32]


def bonds(xyz_A: Floats, elements: NDArray[np.str_]) -> Rows:
    """`(b, 2)` rows of the atoms that lie as close as bonded ones do."""
    if len(xyz_A) < 2:
        return np.empty((0, 2), np.intp)
    radii = np.array([_RADII_A.get(str(e).upper(), _METAL_A) for e in elements])
    pairs = cKDTree(xyz_A).query_pairs(2 * radii.max() + _SLACK_A, output_type="ndarray")
    length = np.linalg.norm(xyz_A[pairs[:, 0]] - xyz_A[pairs[:, 1]], axis=1)
    bonded: Rows = pairs[length < radii[pairs].sum(1) + _SLACK_A].astype(np.intp)
    return bonded


def sticks(xyz_A: Floats, elements: NDArray[np.str_], radius_A: float = 0.18) -> Sticks:
    """A rod for each bond and a ball for each atom.

    Parameters
    ----------
    xyz_A
        `(n, 3)` positions (x, y, z).
    elements
        `(n,)` symbols.
    """
    xyz_A = np.asarray(xyz_A, np.float64).reshape(-1, 3)
    pairs = bonds(xyz_A, elements)
    # A single atom, an ion say, has no bond that would show it: its ball is larger.
    alone = np.bincount(pairs.ravel(), minlength=len(xyz_A)) == 0
    balls = _balls(xyz_A, np.where(alone, 3 * radius_A, 1.05 * radius_A))
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    rods = _rods(xyz_A[ends[:, 0]], xyz_A[ends].mean(1), radius_A)
    vertices = np.concatenate([balls[0], rods[0]])[:, ::-1].astype(np.float32)
    faces = np.concatenate([balls[1], rods[1] + len(balls[0])]).astype(np.int32)
    atom = np.concatenate(
        [np.repeat(np.arange(len(xyz_A)), len(_ball()[0])), np.repeat(ends[:, 0], 2 * _SIDES)]
    )
    return Sticks(vertices, faces, atom.astype(np.int32))


def _balls(xyz_A: Floats, radius_A: Floats) -> tuple[Floats, Rows]:
    vertices, faces = _ball()
    placed = xyz_A[:, None] + radius_A[:, None, None] * vertices
    first = np.arange(len(xyz_A))[:, None, None] * len(vertices)
    return placed.reshape(-1, 3), (first + faces).reshape(-1, 3)


def _ball() -> tuple[Floats, Rows]:
    """A ball of radius 1, in six bands."""
    bands = np.linspace(0, np.pi, 7)[1:-1]
    angle = 2 * np.pi * np.arange(_SIDES) / _SIDES
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(_SIDES)], axis=1)
    bodies = [ring * np.sin(b) + np.array([0, 0, np.cos(b)]) for b in bands]
    vertices = np.concatenate([[[0, 0, 1.0]], *bodies, [[0, 0, -1.0]]])
    start = 1 + _SIDES * np.arange(len(bands) - 1)[:, None]
    here, on = start + np.arange(_SIDES), start + np.roll(np.arange(_SIDES), -1)
    walls = np.stack([here, here + _SIDES, on, on, here + _SIDES, on + _SIDES], axis=-1)
    ring_1, last = 1 + np.arange(_SIDES), len(vertices) - 1
    ring_n = last - _SIDES + np.arange(_SIDES)
    top = np.stack([np.zeros(_SIDES, int), ring_1, np.roll(ring_1, -1)], axis=1)
    bottom = np.stack([np.full(_SIDES, last), np.roll(ring_n, -1), ring_n], axis=1)
    return vertices, np.concatenate([top, walls.reshape(-1, 3), bottom])


def _rods(start: Floats, end: Floats, radius_A: float) -> tuple[Floats, Rows]:
    """Prisms without lids from `(b, 3)` to `(b, 3)`."""
    along = unit(end - start)
    across = unit(np.cross(along, np.eye(3)[np.abs(along).argmin(1)]))
    up = np.cross(along, across)
    angle = 2 * np.pi * np.arange(_SIDES)[:, None] / _SIDES
    ring = radius_A * (np.cos(angle) * across[:, None] + np.sin(angle) * up[:, None])
    vertices = np.concatenate([start[:, None] + ring, end[:, None] + ring], axis=1)
    corner = np.arange(_SIDES)
    on = np.roll(corner, -1)
    walls = np.stack([corner, on, corner + _SIDES, on, on + _SIDES, corner + _SIDES], axis=-1)
    first = np.arange(len(start))[:, None, None] * 2 * _SIDES
    return vertices.reshape(-1, 3), (first + walls.reshape(-1, 3)).reshape(-1, 3)
