"""Angles between atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def dihedral(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """Torsions `(...)` about the axis from b to c, in radians; NaN where an atom is missing."""
    along = c - b
    along = along / np.linalg.norm(along, axis=-1, keepdims=True)
    first, second = a - b, d - c
    first = first - (first * along).sum(-1, keepdims=True) * along
    second = second - (second * along).sum(-1, keepdims=True) * along
    sine = (np.cross(along, first) * second).sum(-1)
    return np.arctan2(sine, (first * second).sum(-1))


def angle(a: Floats, b: Floats, c: Floats) -> Floats:
    """Angles `(...)` at b, in radians."""
    one, other = a - b, c - b
    sine = np.linalg.norm(np.cross(one, other), axis=-1)
    return np.arctan2(sine, (one * other).sum(-1))
