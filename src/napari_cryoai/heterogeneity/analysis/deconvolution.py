"""Of the density that makes particles likeliest, by expectation maximisation on cells.

It grows the spikier the longer it goes on (Laird 1978, J. Am. Stat. Assoc. 73, 805), so it stops
where particles that have been left out are explained best.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.jobs.progress import Job, Progress

Floats = NDArray[np.float64]
Likelihoods = NDArray[np.float32]

ROUNDS, PATIENCE = 60, 4
"""Of the maximisation, at most; and how many that bring nothing end it."""
PRUNED, NOTHING = 4, 1e-4
"""After so many rounds, always again, cells with fewer particles than this are given up."""


def deconvolved(likelihood: Likelihoods, count: Floats, seed: int) -> Job[tuple[Floats, int]]:
    """The density `(cells,)`, its sum 1, and the rounds it took.

    Parameters
    ----------
    likelihood
        `(groups, cells)` of each group of particles at each cell, up to a factor for each group.
    count
        `(groups,)` particles.
    seed
        Of which particles are in which half.
    """
    # A stream of its own: what was simulated with the same seed shall not be split by its states.
    random = np.random.default_rng([seed, *b"halves"])
    one = random.binomial(count.astype(np.int64), 0.5).astype(np.float64)
    rounds = yield from _best_rounds(likelihood, one, count - one)
    fit = _Maximisation(likelihood, count)
    for i in range(rounds):
        fit.round()
        yield Progress(ROUNDS + i + 1, ROUNDS + rounds, "Density of all particles")
    return fit.density, rounds


def _best_rounds(likelihood: Likelihoods, one: Floats, other: Floats) -> Job[int]:
    """After how many rounds each half of the particles explains the other half best."""
    halves = [(_Maximisation(likelihood, one), other), (_Maximisation(likelihood, other), one)]
    best, rounds = -np.inf, 1
    for i in range(ROUNDS):
        gain = 0.0
        for fit, left_out in halves:
            fit.round()
            gain += float(left_out @ np.log(fit.explained()))
        yield Progress(i + 1, 2 * ROUNDS, "How fine the particles tell it")
        if gain > best:
            best, rounds = gain, i + 1
        elif i >= rounds + PATIENCE:
            break
    return rounds


class _Maximisation:
    """Rounds of expectation maximisation of the density on cells.

    Parameters
    ----------
    likelihood
        `(groups, cells)`.
    count
        `(groups,)` particles.
    """

    def __init__(self, likelihood: Likelihoods, count: Floats):
        self._likelihood, self._count = likelihood, count
        self._cells = likelihood.shape[1]
        self._active = np.arange(self._cells)
        self._density = np.full(self._cells, 1 / self._cells)
        self._rounds = 0

    def round(self) -> None:
        """Two steps, and one from where they lead to (Varadhan and Roland 2008, SQUAREM)."""
        first = self._density
        second = self._step(first)
        third = self._step(second)
        step = second - first
        bend = third - second - step
        length = float(np.sqrt((step @ step) / max(float(bend @ bend), 1e-300)))
        if length > 1:
            far = first + 2 * length * step + length**2 * bend
            # No cell is given up by a leap: none could come back.
            far = np.maximum(far, 0.1 * third)
            far = self._step(far / far.sum())
            self._density = far if self._gain(far) >= self._gain(third) else third
        else:
            self._density = third
        self._rounds += 1
        if self._rounds % PRUNED == 0:
            self._prune()

    def _step(self, density: Floats) -> Floats:
        """Each particle is dealt out among the cells as the density says."""
        dealt = (self._count / self._explained(density)).astype(np.float32) @ self._likelihood
        new = density * dealt
        return new / new.sum()

    def _gain(self, density: Floats) -> float:
        return float(self._count @ np.log(self._explained(density)))

    def _explained(self, density: Floats) -> Floats:
        found = self._likelihood @ density.astype(np.float32)
        return np.maximum(found, 1e-30).astype(np.float64)

    def explained(self) -> Floats:
        """`(groups,)` likelihood of each group as the density now is."""
        return self._explained(self._density)

    @property
    def density(self) -> Floats:
        """`(cells,)`, its sum is 1."""
        density = np.zeros(self._cells)
        density[self._active] = self._density
        return density

    def _prune(self) -> None:
        """Give up cells that hold next to nothing: they would only shrink further."""
        keep = self._density * self._count.sum() > NOTHING
        if keep.mean() < 0.8:
            self._active, self._density = self._active[keep], self._density[keep]
            self._likelihood = np.ascontiguousarray(self._likelihood[:, keep])
