"""How densely states are populated: the density of places, without the blur of the noise.

Particles scatter about their true places, each as widely as its own posterior says. The density of
true places is the one that makes the observed most likely, found by expectation maximisation on a
grid (Laird 1978, J. Am. Stat. Assoc. 73, 805; for equal widths it is the deconvolution of
Richardson and Lucy). It grows the spikier the longer it goes on, so it stops where particles that
have been left out are explained best.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.heterogeneity.analysis.axes import Axes
from napari_cryoai.heterogeneity.analysis.basins import basins
from napari_cryoai.heterogeneity.analysis.deconvolution import Likelihoods, deconvolved
from napari_cryoai.heterogeneity.analysis.measured import Measured, measured
from napari_cryoai.jobs.progress import Job, finish

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

CELLS = {1: 192, 2: 64, 3: 20}
"""Along each axis, by the number of axes."""
MOST = 12_000
"""Of more particles, those that are alike are taken together, into about so many groups."""
STATE_SHARE = 0.02
"""Of all particles: hills with fewer are no states."""


@dataclass(frozen=True)
class State:
    """A hill of the density, a valley of the free energy.

    Attributes
    ----------
    z
        The place `(d,)` of its summit in the latent space.
    coordinates
        The same along the axes, `(k,)`.
    share
        Of all particles.
    energy_kT
        Of the summit, above the lowest.
    """

    z: tuple[float, ...]
    coordinates: tuple[float, ...]
    share: float
    energy_kT: float


@dataclass(frozen=True, eq=False)
class Landscape:
    """Density of states along one to three axes.

    Attributes
    ----------
    axes
        What the grid lies along.
    ticks
        Coordinates of the cells along each axis, `(cells,)` each.
    density
        Share of particles in each cell; its sum is 1.
    particles
        How many there are.
    states
        The hills, the most populated first.
    rounds
        Of the maximisation.
    """

    axes: Axes
    ticks: tuple[Floats, ...]
    density: Floats
    particles: int
    states: tuple[State, ...]
    rounds: int

    @property
    def energy_kT(self) -> Floats:
        """Free energy of each cell above the lowest, infinite where hardly a particle is.

        It is one of the particles on the grid, as they were frozen: that they were in equilibrium
        is for the user to know.
        """
        with np.errstate(divide="ignore"):
            energy = -np.log(self.density / self.density.max())
        return np.where(self.density * self.particles < 1e-2, np.inf, energy)


def landscape(
    table: LatentTable,
    axes: Axes,
    *,
    prior: ArrayLike | None = None,
    prominence_kT: float = 0.5,
    seed: int = 0,
) -> Landscape:
    """Find the density of true places along one to three axes, and the states.

    Parameters
    ----------
    prior
        See `measured`.
    prominence_kT
        How deep a valley must be, below the lowest pass to a deeper one, to be a state.
    seed
        Of which particles are left out to find when to stop.

    Raises
    ------
    CryoAIError
        If there are other than one to three axes, or too few particles.
    """
    job = landscape_job(table, axes, prior=prior, prominence_kT=prominence_kT, seed=seed)
    return finish(job)


def landscape_job(
    table: LatentTable,
    axes: Axes,
    *,
    prior: ArrayLike | None = None,
    prominence_kT: float = 0.5,
    seed: int = 0,
) -> Job[Landscape]:
    """`landscape` as a job; of the rounds in its progress not all may be needed."""
    count = len(axes.matrix)
    if count not in CELLS:
        raise CryoAIError(f"a landscape has no {count} axes", remedy="Choose one, two or three")
    if len(table) < 20:
        raise CryoAIError(
            f"{len(table)} particles are too few for a density", remedy="Choose at least 20"
        )
    ticks = _ticks(table, axes, CELLS[count])
    cells = np.stack(np.meshgrid(*ticks, indexing="ij"), -1).reshape(-1, count)
    found = measured(table, axes, prior)
    groups = _grouped(found, table, axes)
    likelihood = _likelihoods(groups.measured, cells)
    density, rounds = yield from deconvolved(likelihood, groups.count, seed)
    shape = tuple(map(len, ticks))
    states = _states(density.reshape(shape), cells, axes, prominence_kT)
    return Landscape(axes, ticks, density.reshape(shape), len(table), states, rounds)


def _ticks(table: LatentTable, axes: Axes, cells: int) -> tuple[Floats, ...]:
    """Wide enough for the means, and for what lies beyond them because they are drawn to 0."""
    at = axes.of(table.mean)
    blur = np.diagonal(axes.covariance(table.covariance), axis1=1, axis2=2).mean(0)
    spread = np.sqrt(at.var(0) + blur)
    low, high = np.quantile(at, (0.001, 0.999), axis=0)
    low, high = (
        np.minimum(low, at.mean(0) - 2.5 * spread),
        np.maximum(high, at.mean(0) + 2.5 * spread),
    )
    margin = 0.05 * (high - low) + 1e-6
    return tuple(np.linspace(a, b, cells) for a, b in zip(low - margin, high + margin, strict=True))


@dataclass(frozen=True, eq=False)
class _Groups:
    """Likelihoods, and how many particles share each."""

    measured: Measured
    count: Floats


def _grouped(found: Measured, table: LatentTable, axes: Axes) -> _Groups:
    """Particles whose places and precisions are alike, as one."""
    if len(found) <= MOST:
        return _Groups(found, np.ones(len(found)))
    at = axes.of(table.mean)
    size = np.log(np.linalg.det(axes.covariance(table.covariance)))
    # Steps by rank hold alike many particles each, so that no group is large and few are empty.
    bins = round((MOST / 4) ** (1 / at.shape[1]))
    key = np.zeros(len(found), np.intp)
    for column, steps in [*((c, bins) for c in at.T), (size, 4)]:
        edges = np.quantile(column, np.linspace(0, 1, steps + 1)[1:-1])
        key = key * steps + np.searchsorted(edges, column)
    group, count = np.unique(key, return_inverse=True, return_counts=True)[1:]

    def mean(values: Floats) -> Floats:
        flat = values.reshape(len(values), -1).T
        sums = [np.bincount(group, column) / count for column in flat]
        return np.stack(sums, 1).reshape(len(count), *values.shape[1:])

    return _Groups(Measured(mean(found.pull), mean(found.precision)), count.astype(np.float64))


def _likelihoods(found: Measured, cells: Floats) -> Likelihoods:
    """`(groups, cells)`, the largest of each group 1."""
    pairs = np.einsum("ci,cj->cij", cells, cells).reshape(len(cells), -1)
    logs = (found.pull @ cells.T).astype(np.float32)
    logs -= (0.5 * found.precision.reshape(len(found), -1) @ pairs.T).astype(np.float32)
    logs -= logs.max(1, keepdims=True)
    return np.exp(logs, out=logs)


def _states(density: Floats, cells: Floats, axes: Axes, prominence: float) -> tuple[State, ...]:
    height = np.log(np.maximum(density.ravel(), 1e-12 * density.max()))
    hills = basins(height, _neighbours(density.shape), prominence)
    share = np.bincount(hills.labels, density.ravel(), len(hills.summits))
    chosen = [i for i in np.argsort(-share) if share[i] >= STATE_SHARE]
    top = height.max()
    return tuple(
        State(
            tuple(axes.places(cells[hills.summits[i]]).tolist()),
            tuple(cells[hills.summits[i]].tolist()),
            float(share[i]),
            float(top - height[hills.summits[i]]),
        )
        for i in chosen
    )


def _neighbours(shape: tuple[int, ...]) -> Rows:
    """`(m, 2)` pairs of cells that touch, also at a corner."""
    number = np.arange(np.prod(shape)).reshape(shape)
    pairs = []
    for step in np.ndindex(*(3,) * len(shape)):
        offset = [s - 1 for s in step]
        if offset <= [0] * len(shape):
            continue  # each pair once
        here = tuple(slice(max(0, -o), min(n, n - o)) for o, n in zip(offset, shape, strict=True))
        there = tuple(slice(max(0, o), min(n, n + o)) for o, n in zip(offset, shape, strict=True))
        pairs.append(np.stack([number[here].ravel(), number[there].ravel()], 1))
    return np.concatenate(pairs)
