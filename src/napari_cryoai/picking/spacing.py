"""How close to each other picks may be, from the picks themselves.

A picker keeps its picks apart, or it would find some particles twice. Where particles overlap, it
loses every one that lies next to a better one. Both kinds of close pairs are told apart by their
number: a picker sees double at a rate of its own, whatever the micrograph, but only overlapping
particles make many close pairs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

SPACING = 0.7
"""Diameters between neighbours, as the `blob` detector has it."""

CLOSEST = 0.5
"""Diameters between two picks where particles overlap."""

DOUBLE = 0.045
"""Share of the particles that a picker sees twice, within the usual spacing of itself."""

FEW = 40
"""Picks without a close pair that are thought to have been there before: few pairs tell nothing."""

ENOUGH = 0.45
"""Share of close pairs from which on it pays to take them all; half the F1 there is."""

NEARLY = 0.75
"""Peaks count down to this share of the threshold."""


def next_to_better(yx: NDArray[np.number], distance: float) -> NDArray[np.bool_]:
    """Which of the points `(n, 2)`, best first, lie within a distance of a better one."""
    close = np.zeros(len(yx), np.bool_)
    if len(yx):
        # Of two that are close, the second is the one that would be lost.
        close[KDTree(yx).query_pairs(distance, output_type="ndarray")[:, 1]] = True
    return close


def real_share(picks: int, pairs: int) -> float:
    """How many of the close pairs are two particles each, given the picks without one."""
    return max(0.0, 1 - DOUBLE * (picks + FEW) / max(pairs, 1))
