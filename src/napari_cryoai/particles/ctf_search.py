"""Defocus and astigmatism from the rings of a spectrum: an exhaustive search, then refinement."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from napari_cryoai.particles.ctf_phase import Floats, Optics, directed_defocus_A, turns
from napari_cryoai.particles.power_spectrum import HANN_NEIGHBOURS, PowerSpectrum

N_SECTORS = 18
_BACKGROUND = 7
_PRIOR_B_A2 = 100.0
_DEFOCUS_STEP_A, _ASTIGMATISM_STEP_A, _PHASE_STEP_DEG = 50.0, 50.0, 10.0
_OUTLIER_SIGMAS = 5.0
_MISFIT_STEPS = 5.0
_REWEIGHTINGS = 2
_CHANCE_SIGMAS = 2.0


@dataclass(frozen=True)
class Guess:
    """The parameters that are searched for.

    Attributes
    ----------
    defocus_A
        Mean of the principal defoci.
    astigmatism_yx_A
        See `ctf_phase.directed_defocus_A`.
    phase_shift_rad
        Of a phase plate.
    """

    defocus_A: float
    astigmatism_yx_A: tuple[float, float] = (0.0, 0.0)
    phase_shift_rad: float = 0.0


@dataclass(frozen=True, eq=False)
class Ranges:
    """What the search covers.

    Attributes
    ----------
    defocus_A
        Smallest and largest mean defocus.
    g
        Smallest and largest frequency in 1/A.
    astigmatism_A
        Largest difference of the principal defoci.
    phase_plate
        Whether a phase shift is searched for, too.
    """

    defocus_A: tuple[float, float]
    g: tuple[float, float]
    astigmatism_A: float
    phase_plate: bool


@dataclass(frozen=True, eq=False)
class Rings:
    """The frequencies that are fitted, one of each Friedel pair, as flat arrays.

    The model of their power is `background(g) - weight(g) * cos(2 phase)`, where the background is
    any polynomial of a low degree. It is fitted along with every trial, which is the same as to
    project it out of data and model: so rings wider than their distance from frequency 0 are not
    mistaken for background, nor the other way round.

    Attributes
    ----------
    data
        `(n,)` whitened power.
    g2, turn, shell
        `(n,)` squared frequency, `(2, n)` see `ctf_phase.turns`, and `(n,)` radius in steps.
    weight
        `(n,)` strength of the rings.
    trust
        For each shell, how much its mean counts against the differences within it, 0 to 1: the
        structure of particles changes the power with the radius, not with the direction.
    optics
        What is known of the microscope.
    """

    data: Floats
    g2: Floats
    turn: Floats
    shell: NDArray[np.intp]
    weight: Floats
    trust: Floats
    optics: Optics

    @classmethod
    def of(cls, spectrum: PowerSpectrum, g_range: tuple[float, float], optics: Optics) -> Rings:
        """Those of a spectrum within a range of frequencies."""
        gy, gx = np.broadcast_arrays(*spectrum.g)
        g = spectrum.radius * spectrum.step
        used = (g >= g_range[0]) & (g <= g_range[1])
        # Lines of the detector and edges lie on the axes; those with gx = 0 stand there twice.
        used[:2] = used[-1:] = used[:, :2] = False
        gy, gx, data = gy[used], gx[used], spectrum.whitened[used]
        limit = _OUTLIER_SIGMAS * 1.4826 * np.median(np.abs(data))
        shell = np.rint(spectrum.radius[used]).astype(np.intp)
        g2 = gy**2 + gx**2
        weight, trust = np.exp(-_PRIOR_B_A2 / 2 * g2), np.ones(shell.max() + 1)
        data = np.clip(data, -limit, limit)
        return cls(data, g2, turns(gy, gx), shell, weight, trust, optics)

    @cached_property
    def count(self) -> Floats:
        """Frequencies in each shell."""
        return np.bincount(self.shell).astype(np.float64)

    @cached_property
    def basis(self) -> Floats:
        """`(shells, k)`: what the backgrounds are sums of, orthonormal over all frequencies."""
        first = int(self.shell.min())
        root = np.sqrt(np.maximum(self.count[first:], 1.0))
        powers = backgrounds(np.arange(first, len(self.count), dtype=np.float64))
        q = np.linalg.qr(powers * (self.trust[first:] * root)[:, None])[0] / root[:, None]
        return np.concatenate([np.zeros((first, q.shape[1])), q])

    @cached_property
    def clean(self) -> Floats:
        """The data without background."""
        return self.cleaned(self.data)

    def cleaned(self, values: Floats) -> Floats:
        """Values with as much of the shells' means as these are trusted, without background."""
        total = np.bincount(self.shell, values)
        kept = self.trust * total
        kept -= self.count * (self.basis @ (kept @ self.basis))
        change = (kept - total) / np.maximum(self.count, 1.0)
        return values + change[self.shell]

    def model(self, guess: Guess) -> Floats:
        """The rings of a guess, between -1 and 1."""
        defocus = directed_defocus_A(guess.defocus_A, guess.astigmatism_yx_A, self.turn)
        rings: Floats = -np.cos(2 * self.optics.phase(defocus, self.g2, guess.phase_shift_rad))
        return rings

    def correlation(self, guess: Guess, *, weighted: bool = True) -> float:
        """Normalised cross-correlation of data and model, both without background."""
        model = self.model(guess)
        model = self.cleaned(model * self.weight if weighted else model)
        norm = math.sqrt(float(model @ model) * float(self.clean @ self.clean))
        return float(model @ self.clean) / norm if norm else 0.0

    def significance(self, guess: Guess) -> float:
        """The weighted correlation in standard deviations of that with noise."""
        return self.correlation(guess) * math.sqrt(len(self.data) / HANN_NEIGHBOURS)

    def reweighted(self, guess: Guess) -> Rings:
        """The same with the strength that the rings of a guess have in the data, as weight.

        It is that of the best linear fit: noise is whitened, so strong rings tell more. What the
        fit leaves over in the mean of a shell, beyond noise, tells how far to trust these means.
        """
        plain = replace(self, trust=np.ones_like(self.trust))
        model = plain.model(guess)
        weight = plain._strength(model)[self.shell]
        if weight.max() <= 0:
            return self
        left = plain.clean - plain.cleaned(model * weight)
        return replace(self, weight=weight, trust=self._trust(left))

    def _strength(self, model: Floats) -> Floats:
        """Of the rings of a model, for each shell: 0 where noise could do the same."""
        wide = max(3.0, len(np.unique(self.shell)) / 16)
        overlap = ndimage.gaussian_filter1d(np.bincount(self.shell, model * self.clean), wide)
        power = ndimage.gaussian_filter1d(np.bincount(self.shell, model**2), wide)
        power = np.maximum(power, 1e-12)
        averaged = 2 * math.sqrt(math.pi) * wide  # shells that such a Gaussian averages
        chance = float(np.var(self.clean)) * HANN_NEIGHBOURS / (power * averaged)
        strength = np.maximum(overlap / power, 1e-12)
        return strength * np.maximum(0.0, 1 - _CHANCE_SIGMAS**2 * chance / strength**2)

    def _trust(self, left: Floats) -> Floats:
        """From what a fit left over: noise of a shell's mean over that and its true misfit."""
        noise = float(np.var(left)) * HANN_NEIGHBOURS / np.maximum(self.count, 1.0)
        misfit = (np.bincount(self.shell, left) / np.maximum(self.count, 1.0)) ** 2
        there = self.count > 0
        smooth = ndimage.gaussian_filter1d(misfit * there, _MISFIT_STEPS)
        smooth /= np.maximum(ndimage.gaussian_filter1d(1.0 * there, _MISFIT_STEPS), 1e-12)
        return np.sqrt(np.minimum(1.0, noise / np.maximum(smooth, 1e-12)))


def backgrounds(g: Floats) -> Floats:
    """`(n, k)` polynomials that any smooth background is a sum of."""
    low, high = g.min(), g.max()
    x = (2 * g - low - high) / max(high - low, 1e-12)
    powers: Floats = np.polynomial.chebyshev.chebvander(x, _BACKGROUND - 1)
    return powers


def search(rings: Rings, ranges: Ranges) -> Guess:
    """The best guess: exhaustive over defocus and astigmatism, then refined.

    Each further refinement weights the rings by what the one before found: see `Rings.reweighted`.
    """
    starts = exhaustive(rings, ranges)
    best = max((refine(rings, start, ranges) for start in starts), key=rings.correlation)
    for _ in range(_REWEIGHTINGS):
        rings = rings.reweighted(best)
        best = refine(rings, best, ranges)
    return best


def exhaustive(rings: Rings, ranges: Ranges, count: int = 2) -> list[Guess]:
    """The best guesses on a grid, far from each other in defocus.

    Each sector of the spectrum is compared with the rings of each defocus. An astigmatic CTF is
    then a choice of one defocus in each sector, and all choices are sums over one table.
    """
    sectors = _Sectors(rings)
    steps = math.ceil((ranges.defocus_A[1] - ranges.defocus_A[0]) / _DEFOCUS_STEP_A)
    margin = math.ceil(ranges.astigmatism_A / 2 / _DEFOCUS_STEP_A)
    grid = np.arange(-margin, steps + margin + 1, dtype=np.float64)
    defoci = ranges.defocus_A[0] + _DEFOCUS_STEP_A * grid
    phases = np.radians(np.arange(0, 180, _PHASE_STEP_DEG)) if ranges.phase_plate else np.zeros(1)
    found: list[tuple[float, Guess]] = []
    for phase in phases.tolist():
        table = sectors.compare(defoci, phase)
        found += _astigmatic(table, defoci, margin, phase, ranges.astigmatism_A)
    found.sort(key=lambda pair: -pair[0])
    chosen: list[Guess] = []
    for _, guess in found:
        if all(abs(guess.defocus_A - c.defocus_A) > 0.1 * c.defocus_A for c in chosen):
            chosen.append(guess)
        if len(chosen) == count:
            break
    return chosen


def refine(rings: Rings, guess: Guess, ranges: Ranges) -> Guess:
    """The local optimum of the correlation (Nelder and Mead's simplex)."""
    astigmatic, plate = ranges.astigmatism_A > 0, ranges.phase_plate
    start = [guess.defocus_A]
    steps = [100.0]
    if astigmatic:
        start, steps = [*start, *guess.astigmatism_yx_A], [*steps, 60.0, 60.0]
    if plate:
        start, steps = [*start, 1000 * guess.phase_shift_rad], [*steps, 100.0]

    def told(x: Floats) -> Guess:
        yx = (float(x[1]), float(x[2])) if astigmatic else (0.0, 0.0)
        return Guess(float(x[0]), yx, float(x[-1]) / 1000 if plate else 0.0)

    simplex = np.array(start) + np.vstack([np.zeros(len(start)), np.diag(steps)])
    options = {"initial_simplex": simplex, "xatol": 1.0, "fatol": 1e-7, "maxfev": 400}
    result = optimize.minimize(
        lambda x: -rings.correlation(told(x)), start, method="Nelder-Mead", options=options
    )
    return told(result.x)


class _Sectors:
    """The spectrum as one radial curve for each of some sectors, 0 to 180 degrees."""

    def __init__(self, rings: Rings):
        angle = np.arctan2(rings.turn[0], rings.turn[1]) / 2
        sector = np.floor(angle / np.pi * N_SECTORS + 0.5).astype(np.intp) % N_SECTORS
        first = rings.shell.min()
        n = rings.shell.max() - first + 1
        self.count = np.bincount(rings.shell - first, minlength=n)
        cell = sector * n + rings.shell - first
        total = np.bincount(cell, rings.clean, minlength=n * N_SECTORS)
        in_cell = np.bincount(cell, minlength=n * N_SECTORS)
        self.curves = (total / np.maximum(in_cell, 1)).reshape(N_SECTORS, n)
        self.g2 = np.bincount(rings.shell - first, rings.g2) / np.maximum(self.count, 1)
        self.weight = np.sqrt(self.count) * np.exp(-_PRIOR_B_A2 / 2 * self.g2)
        self.optics = rings.optics

    def compare(self, defoci: Floats, phase_shift_rad: float) -> Floats:
        """`(sectors, defoci)`: overlap of each sector with the rings of each defocus."""
        noise = np.sqrt(self.count)
        models = -np.cos(2 * self.optics.phase(defoci[:, None], self.g2, phase_shift_rad))
        models *= self.weight
        q = np.linalg.qr(backgrounds(np.sqrt(self.g2)) * noise[:, None])[0]
        models -= (models @ q) @ q.T
        models /= np.linalg.norm(models, axis=1, keepdims=True)
        data = self.curves * noise
        overlap: Floats = (data - (data @ q) @ q.T) @ models.T
        return overlap


def _astigmatic(
    table: Floats, defoci: Floats, margin: int, phase: float, largest_A: float
) -> list[tuple[float, Guess]]:
    """For each mean defocus the best astigmatism: its score, and the guess."""
    n = len(defoci) - 2 * margin
    sectors = np.arange(N_SECTORS)
    best, halves, angles = np.full(n, -np.inf), np.zeros(n), np.zeros(n)
    for half in np.arange(0, largest_A / 2 + 1, _ASTIGMATISM_STEP_A / 2):
        for angle in np.arange(N_SECTORS if half else 1) * np.pi / N_SECTORS:
            offsets = half * np.cos(2 * (sectors * np.pi / N_SECTORS - angle))
            shifts = np.rint(offsets / _DEFOCUS_STEP_A).astype(int) + margin
            score = sum(table[s, k : k + n] for s, k in enumerate(shifts.tolist()))
            better = score > best
            best = np.where(better, score, best)
            halves, angles = np.where(better, half, halves), np.where(better, angle, angles)
    yx = zip(halves * np.sin(2 * angles), halves * np.cos(2 * angles), strict=True)
    means = defoci[margin : margin + n].tolist()
    guesses = [Guess(d, (float(y), float(x)), phase) for d, (y, x) in zip(means, yx, strict=True)]
    return list(zip(best.tolist(), guesses, strict=True))
