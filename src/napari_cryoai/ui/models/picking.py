"""Which residue lies under the cursor."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.ribbon import Ribbon

Floats = NDArray[np.float64]
_REACH_A = 4.0
"""No corner of a ribbon's triangle is farther from a point inside."""


def residue_under(
    ribbon: Ribbon, position_A: Floats, direction: Floats
) -> tuple[int, float] | None:
    """The residue whose ribbon a line of sight meets first, and how far along it.

    napari's own search goes through all triangles one by one; here those alone are looked at that
    lie along the line (Moeller and Trumbore 1997, J. Graph. Tools 2, 21).

    Parameters
    ----------
    position_A, direction
        `(3,)` z, y, x: any point of the line, and where it leads to.
    """
    if not len(ribbon.faces):
        return None
    way = np.asarray(direction, np.float32) / np.float32(np.linalg.norm(direction))
    origin = np.asarray(position_A, np.float32)
    away = ribbon.vertices - origin
    along = away @ way
    near = np.einsum("ij,ij->i", away, away) - along**2 < _REACH_A**2
    faces = ribbon.faces[near[ribbon.faces].all(axis=1)]
    hit, depth, corner = _crossed(ribbon.vertices[faces].astype(float), origin, way)
    if not hit.any():
        return None
    first = np.flatnonzero(hit)[depth[hit].argmin()]
    return int(ribbon.residue[faces[first, corner[first]]]), float(depth[first])


def _crossed(
    triangles: Floats, origin: NDArray[np.float32], direction: NDArray[np.float32]
) -> tuple[NDArray[np.bool_], Floats, NDArray[np.intp]]:
    """Which `(k, 3, 3)` triangles a line crosses, how far along it, and nearest which corner."""
    edge1, edge2 = triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0]
    p = np.cross(direction.astype(float), edge2)
    area = np.einsum("ij,ij->i", edge1, p)
    flat = np.abs(area) < 1e-12
    inverse = 1 / np.where(flat, 1.0, area)
    start = origin - triangles[:, 0]
    u = np.einsum("ij,ij->i", start, p) * inverse
    q = np.cross(start, edge1)
    v = q @ direction * inverse
    depth = np.einsum("ij,ij->i", edge2, q) * inverse
    hit = ~flat & (u >= 0) & (v >= 0) & (u + v <= 1)
    return hit, depth, np.stack([1 - u - v, u, v], axis=1).argmax(axis=1)
