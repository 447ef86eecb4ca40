"""Of the density that makes particles likeliest, by expectation maximisation on cells.

It grows the spikier the longer it goes on (Laird 1978, J. Am. Stat. Assoc. 73, 805), so it stops
where particles that have been left out are explained best.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.jobs.progress import Job, Progress

Floats = NDArray[np.float64]
Likelihoods = NDArray[np.float32]

ROUNDS, PATIENCE = 60, 4
"""Of the maximisation, at most; and how many that bring nothing end it."""
AT_ONCE_BYTES = 1 << 20
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
    # All particles go along with the halves that tell when to stop: each look at the likelihoods,
    # which is what takes the time, serves three densities.
    fit = _Maximisation(likelihood, np.stack([one, count - one, count], 1))
    best, rounds, found = -np.inf, 1, fit.density[:, 2]
    for i in range(ROUNDS):
        fit.round()
        explained = np.log(fit.explained[:, :2])
        gain = float((count - one) @ explained[:, 0] + one @ explained[:, 1])
        yield Progress(i + 1, ROUNDS, "Density of true places")
        if gain > best:
            best, rounds, found = gain, i + 1, fit.density[:, 2]
        elif i >= rounds + PATIENCE:
            break
    return found, rounds


class _Maximisation:
    """Rounds of expectation maximisation of several densities on cells, each of other particles.

    Parameters
    ----------
    likelihood
        `(groups, cells)`.
    count
        `(groups, k)` particles.

    Attributes
    ----------
    explained
        `(groups, k)` likelihood of each group as the densities now are.
    """

    def __init__(self, likelihood: Likelihoods, count: Floats):
        self._likelihood, self._count = likelihood, count
        self._cells = likelihood.shape[1]
        self._active = np.arange(self._cells)
        self._density = np.full((self._cells, count.shape[1]), 1 / self._cells)
        self._rounds = 0
        self.explained = self._explained(self._density)

    def round(self) -> None:
        """Two steps, and one from where they lead to (Varadhan and Roland 2008, SQUAREM)."""
        first = self._density
        second = self._step(first, self.explained)
        third = self._step(second, self._explained(second))
        step = second - first
        bend = third - second - step
        length = np.sqrt((step**2).sum(0) / np.maximum((bend**2).sum(0), 1e-300))
        length = np.maximum(length, 1.0)
        far = first + 2 * length * step + length**2 * bend
        # No cell is given up by a leap: none could come back.
        far = np.maximum(far, 0.1 * third)
        far /= far.sum(0)
        far = self._step(far, self._explained(far))
        leapt, walked = self._explained(far), self._explained(third)
        better = self._gain(leapt) >= self._gain(walked)
        self._density = np.where(better, far, third)
        self.explained = np.where(better, leapt, walked)
        self._rounds += 1
        if self._rounds % PRUNED == 0:
            self._prune()

    def _step(self, density: Floats, explained: Floats) -> Floats:
        """Each particle is dealt out among the cells as the density says."""
        share = _columns(self._count / explained)
        dealt = np.zeros((len(share), len(density)), np.float32)
        for part in self._parts():
            for column, total in zip(share, dealt, strict=True):
                total += column[part] @ self._likelihood[part]
        new: Floats = density * dealt.T
        return new / new.sum(0)

    def _gain(self, explained: Floats) -> Floats:
        gain: Floats = (self._count * np.log(explained)).sum(0)
        return gain

    def _explained(self, density: Floats) -> Floats:
        columns = _columns(density)
        found = np.empty((len(columns), len(self._likelihood)), np.float32)
        for part in self._parts():
            for column, total in zip(columns, found, strict=True):
                total[part] = self._likelihood[part] @ column
        return np.maximum(found.T, 1e-30).astype(np.float64)

    def _parts(self) -> Iterator[slice]:
        """Of the likelihoods, so small that one stays near the processor for all densities."""
        size = max(1, AT_ONCE_BYTES // (4 * self._likelihood.shape[1]))
        for start in range(0, len(self._likelihood), size):
            yield slice(start, start + size)

    @property
    def density(self) -> Floats:
        """`(cells, k)`, the sum of each 1."""
        density = np.zeros((self._cells, self._density.shape[1]))
        density[self._active] = self._density
        return density

    def _prune(self) -> None:
        """Give up cells that hold next to nothing: they would only shrink further."""
        keep = (self._density * self._count.sum(0) > NOTHING).any(1)
        if keep.mean() < 0.8:
            self._active, self._density = self._active[keep], self._density[keep]
            self._likelihood = np.ascontiguousarray(self._likelihood[:, keep])


def _columns(table: Floats) -> NDArray[np.float32]:
    """`(k, n)` of a table `(n, k)`."""
    return np.ascontiguousarray(table.T, np.float32)
