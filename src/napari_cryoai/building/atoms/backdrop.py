"""The density that is left for side chains, once the backbone has had its share.

At 3 A the density of an atom reaches over two bonds. Without this a side chain is drawn towards
its own backbone. An atom shows as a Gaussian; its height and width are those that best explain the
density around the backbone by the backbone alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float64]
Sample = Callable[[Floats], Floats]

WIDTHS_A = np.arange(7, 21) / 10
NEIGHBOURS = 12
AROUND_A = 0.7
POINTS = 4000
LEAST_HEIGHT = 0.05


@dataclass(frozen=True, eq=False)
class Backdrop:
    """Density without that of some atoms, in units of an atom's.

    Attributes
    ----------
    sample
        Density `(...)` at places `(..., 3)`.
    atoms
        The atoms that are taken away.
    height, width_A
        Of an atom's Gaussian.
    """

    sample: Sample
    atoms: cKDTree
    height: float
    width_A: float

    def __call__(self, xyz_A: Floats) -> Floats:
        """Density `(...)` at places `(..., 3)`: 1 where there is one more atom, 0 where is none."""
        places = xyz_A.reshape(-1, 3)
        away, _ = self.atoms.query(places, k=NEIGHBOURS, distance_upper_bound=3 * self.width_A)
        taken = _gaussians(away, self.width_A)
        left: Floats = self.sample(places) / self.height - taken
        return left.reshape(xyz_A.shape[:-1])


def backdrop_of(sample: Sample, atoms_A: Floats, seed: int = 0) -> Backdrop | None:
    """Fit the atoms of a backbone `(n, 3)` to the density around them.

    Returns
    -------
    backdrop
        None if the density there does not look like atoms at all.
    """
    rng = np.random.default_rng(seed)
    tree = cKDTree(atoms_A)
    near = atoms_A[rng.integers(len(atoms_A), size=POINTS)]
    near = near + rng.normal(scale=AROUND_A, size=near.shape)
    seen = sample(near)
    away, _ = tree.query(near, k=NEIGHBOURS)
    best = (np.inf, 0.0, 0.0)
    for width in WIDTHS_A.tolist():
        shape = _gaussians(away, width)
        height = float(shape @ seen / (shape @ shape))
        misfit = float(((seen - height * shape) ** 2).mean())
        best = min(best, (misfit, height, width))
    _, height, width = best
    return Backdrop(sample, tree, height, width) if height > LEAST_HEIGHT else None


def _gaussians(away_A: Floats, width_A: float) -> Floats:
    """`(n,)` sum over the neighbours `(n, k)` at these distances; infinite where there is none."""
    total: Floats = np.exp(-0.5 * (away_A / width_A) ** 2).sum(1)
    return total
