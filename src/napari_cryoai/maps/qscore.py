"""Q-scores: how well a map resolves each atom of a model.

Pintilie et al. 2020, Nat. Methods 17, 328. Around an atom the map is sampled on spheres, at points
that lie nearer to this atom than to any other. The score is the correlation, about the mean, of
these values with those of a Gaussian of 0.6 A about the atom: what a map of 1.5 A or so would show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.atomic_model import AtomicModel
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.model_of import residue_of_atoms
from napari_cryoai.core.structure import Structure
from napari_cryoai.maps.placement import inside_map, residue_parts

Floats = NDArray[np.float64]

SIGMA_A = 0.6
"""Width of the reference Gaussian in the paper; the scores that EMDB shows are made with 0.4."""
RADII_A = np.arange(1, 21) / 10
"""Of the spheres; the atom's own place comes first."""
POINTS = 8
"""On a sphere that no other atom cuts into."""
COUNTS = range(POINTS, 200, 2)
"""How many points are tried on a sphere, until `POINTS` of them belong to the atom."""
MARGIN = 0.9
"""A point at the distance `r` belongs to an atom if no other is closer than this times `r`.

The paper says "nearer to this atom than to any other", which would be 1; the authors' program,
mapq, whose scores the world compares with, does it so. It lowers the scores by 0.03 to 0.05.
"""

_NEIGHBOURS = 48
_ATOMS_AT_ONCE = 512
_SAME_A = 0.01
_FLAT = 1e-6


def with_q_scores(model: AtomicModel, density: DensityMap) -> AtomicModel:
    """A model with the mean Q-score of each residue; NaN for residues outside the map."""
    scores = q_scores(density, model.structure).values
    row = residue_of_atoms(model.structure)
    known = np.isfinite(scores) & (row >= 0)
    count = np.bincount(row[known], minlength=len(model.residues))
    total = np.bincount(row[known], scores[known], len(model.residues))
    q = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return replace(model, residues=replace(model.residues, q=q))


@dataclass(frozen=True, eq=False)
class QScores:
    """The score of every atom.

    Attributes
    ----------
    structure
        The atoms.
    values
        `(n,)` float64, -1 to 1; NaN for atoms outside the map, and for hydrogens.
    """

    structure: Structure
    values: Floats

    @property
    def mean(self) -> float:
        """Over all atoms that have a score."""
        return _mean(self.values)

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A table as text: header, then a row for each residue; what there is none of is empty."""
        yield ("chain", "residue", "name", "q_backbone", "q_side_chain", "q_all")
        atoms, parts = self.structure, residue_parts(self.structure)
        index = atoms.residue_index()
        ends = np.flatnonzero(np.diff(index, append=-1)) + 1
        for start, stop in zip([0, *ends[:-1].tolist()], ends.tolist(), strict=True):
            q, part = self.values[start:stop], parts[start:stop]
            means = (_mean(q[part == "backbone"]), _mean(q[part == "side chain"]), _mean(q))
            columns = (atoms.chains, atoms.residue_numbers, atoms.residue_names)
            yield (*(str(c[start]) for c in columns), *(_text(m) for m in means))


def q_scores(density: DensityMap, structure: Structure, sigma_A: float = SIGMA_A) -> QScores:
    """Q-score of each atom of a structure in a map.

    Height and offset of the reference Gaussian, which the paper takes from the map's mean and
    standard deviation, are not needed: a correlation about the mean does not know them.

    Parameters
    ----------
    density
        The map.
    structure
        All atoms that are in it; hydrogens are left out.
    sigma_A
        Width of the reference Gaussian.

    Returns
    -------
    scores
        0 where the map is flat about an atom.

    Raises
    ------
    CryoAIError
        If no atom lies in the map.
    """
    inside = inside_map(structure, density)
    heavy = ~np.isin(structure.elements, ["H", "D"])
    zyx_A = structure.xyz_A[heavy][:, ::-1]
    values = np.full(len(structure), np.nan)
    scored = np.flatnonzero(inside[heavy])
    # Neighbours count wherever they are: those outside the map too.
    found = [
        _scores_of(scored[start : start + _ATOMS_AT_ONCE], zyx_A, density, sigma_A)
        for start in range(0, len(scored), _ATOMS_AT_ONCE)
    ]
    values[inside & heavy] = np.concatenate(found) if found else np.empty(0)
    return QScores(structure, values)


def _scores_of(
    rows: NDArray[np.intp], zyx_A: Floats, density: DensityMap, sigma_A: float
) -> Floats:
    """Scores of some of the atoms."""
    atom, shell, direction = _points(_neighbours(rows, zyx_A))
    index = density.index_of(zyx_A[rows])
    step = (RADII_A / density.pixel_size_A)[shell, None] * direction
    centre = _at(density, index)
    # Values are counted from the atom's own, so that no offset of the map costs digits.
    value = _at(density, index[atom] + step) - centre[atom]
    gauss = np.exp(-0.5 * (RADII_A / sigma_A) ** 2)[shell]
    terms = (np.ones_like(value), gauss, value, gauss**2, value**2, gauss * value)
    n, g, v, gg, vv, gv = (np.bincount(atom, term, len(rows)) for term in terms)
    # The atom's own place counts as often as a sphere: a value of 0 here, and of 1 in the Gaussian.
    n, g, gg = n + POINTS, g + POINTS, gg + POINTS
    spread = vv / n - (v / n) ** 2
    flat = spread <= (_FLAT * density.sigma) ** 2
    product = np.where(flat, 1.0, spread * (gg / n - (g / n) ** 2))
    return np.where(flat, 0.0, (gv / n - g * v / n**2) / np.sqrt(product))


def _neighbours(rows: NDArray[np.intp], zyx_A: Floats) -> NDArray[np.float32]:
    """`(n, k, 3)` from each of some atoms to those that may come between; NaN where there is none.

    An atom in the same place hides nothing.
    """
    from scipy.spatial import cKDTree  # slow to import

    near = min(_NEIGHBOURS, len(zyx_A))
    reach = (1 + MARGIN) * RADII_A[-1]
    _, found = cKDTree(zyx_A).query(zyx_A[rows], k=near, distance_upper_bound=reach)
    found = found.reshape(len(rows), near)
    padded = np.concatenate([zyx_A, np.full((1, 3), np.nan)])
    away = (padded[found] - zyx_A[rows, None]).astype(np.float32)
    away[(away**2).sum(-1) < _SAME_A**2] = np.nan
    some: NDArray[np.bool_] = ~np.isnan(away[..., 0]).all(0)
    return away[:, some]


def _points(away_A: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Where to sample: atom and shell of each point, and its direction `(n, 3)`.

    More and more points are tried on a sphere until there are `POINTS`; what the last try leaves is
    taken, be it fewer.
    """
    parts = []
    waiting = np.ones((len(away_A), len(RADII_A)), np.bool_)
    for count in COUNTS:
        atoms = np.flatnonzero(waiting.any(1))
        directions = _sphere(count)
        free = _reach(away_A[atoms], directions)[:, None] >= RADII_A[:, None]
        enough = (free.sum(-1) >= POINTS) | (count == COUNTS[-1])
        taken = waiting[atoms] & enough
        atom, shell, direction = np.nonzero(free & taken[:, :, None])
        parts.append((atoms[atom], shell, directions[direction]))
        waiting[atoms] &= ~taken
    atoms_, shells, directions_ = zip(*parts, strict=True)
    return np.concatenate(atoms_), np.concatenate(shells), np.concatenate(directions_)


def _reach(away_A: NDArray[np.float32], directions: Floats) -> NDArray[np.float32]:
    """`(n, d)` how far one gets from atoms along directions before another atom takes over, in A.

    At the distance `r` along `d`, one at `w` is closer than `m r` from
    `r = |w|^2 / (d.w + sqrt((d.w)^2 - (1 - m^2) |w|^2))` on.
    """
    if not away_A.shape[1]:
        return np.full((len(away_A), len(directions)), np.inf, np.float32)
    squared = (away_A**2).sum(-1)[:, :, None]
    along = away_A @ directions.T.astype(np.float32)
    root = along**2 - np.float32(1 - MARGIN**2) * squared
    ahead = (along > 0) & (root > 0)  # never so for NaN
    met = np.full_like(along, np.inf)
    np.divide(squared, along + np.sqrt(np.where(ahead, root, 0)), out=met, where=ahead)
    reach: NDArray[np.float32] = met.min(1)
    return reach


@lru_cache(maxsize=len(COUNTS))
def _sphere(count: int) -> Floats:
    """Points of a Fibonacci spiral: the same at every call."""
    i = np.arange(count)
    z = 1 - (2 * i + 1) / count
    angle = i * math.pi * (3 - math.sqrt(5))
    r = np.sqrt(1 - z * z)
    return np.stack([z, r * np.sin(angle), r * np.cos(angle)], 1)


def _at(density: DensityMap, index: Floats) -> Floats:
    """Trilinear interpolation; beyond the box its outermost values go on."""
    from scipy.ndimage import map_coordinates  # slow to import

    found: Floats = map_coordinates(
        density.data, index.T, output=np.float64, order=1, mode="nearest"
    )
    return found


def _mean(values: Floats) -> float:
    scored = values[~np.isnan(values)]
    return float(scored.mean()) if len(scored) else math.nan


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.4f}"
