"""How well a fitted CTF describes its spectrum, ring by ring."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_cryoai.particles.ctf_phase import Floats, Optics, directed_defocus_A, turns
from napari_cryoai.particles.ctf_search import Guess
from napari_cryoai.particles.power_spectrum import PowerSpectrum

AGREE = 0.5
"""Correlation that a trusted ring reaches, as in CTFFIND4."""
_FEWEST_BINS = 6


@dataclass(frozen=True, eq=False)
class CtfCurves:
    """A spectrum averaged along its rings, and what the CTF predicts.

    Attributes
    ----------
    g
        `(n,)` frequencies in 1/A, along the direction of the mean defocus.
    power
        Average of the whitened spectrum; NaN where no frequency has this phase.
    model
        Square of the CTF, 0 to 1.
    agreement
        Correlation of both in a window of about two rings.
    """

    g: Floats
    power: Floats
    model: Floats
    agreement: Floats


def ring_curves(spectrum: PowerSpectrum, guess: Guess, optics: Optics) -> CtfCurves:
    """Average the whitened spectrum over frequencies of equal phase."""
    power = equiphase_average(spectrum, guess, optics)
    g = spectrum.step * np.arange(len(power), dtype=np.float64)
    phase = optics.phase(guess.defocus_A, g**2, guess.phase_shift_rad)
    model = np.sin(phase) ** 2
    return CtfCurves(g, power, model, _agreement(power, model, phase))


def equiphase_average(spectrum: PowerSpectrum, guess: Guess, optics: Optics) -> Floats:
    """Mean of the whitened spectrum over the curves on which the fitted CTF is constant."""
    gy, gx = np.broadcast_arrays(*spectrum.g)
    inside = (spectrum.radius < len(spectrum.power) // 2) & (spectrum.radius > 0)
    inside[:1] = inside[:, :1] = False
    gy, gx, values = gy[inside], gx[inside], spectrum.whitened[inside]
    directed = directed_defocus_A(guess.defocus_A, guess.astigmatism_yx_A, turns(gy, gx))
    with np.errstate(invalid="ignore"):  # a guess on no rings at all may have no such frequency
        at = np.sqrt(optics.same_phase(guess.defocus_A, directed, gy**2 + gx**2)) / spectrum.step
    known = np.isfinite(at)
    at, values = at[known], values[known]
    n = len(spectrum.power) // 2
    left = np.floor(at).astype(np.intp)
    right_share = at - left
    bins = np.minimum(np.concatenate([left, left + 1]), n)
    shares = np.concatenate([1 - right_share, right_share])
    total = np.bincount(bins, shares * np.tile(values, 2), minlength=n + 1)
    count = np.bincount(bins, shares, minlength=n + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 1, total / count, np.nan)[:n]


def fit_resolution_A(curves: CtfCurves, fitted_A: tuple[float, float]) -> float:
    """Up to where rings and model agree, in A; the coarsest fitted if they do nowhere.

    From the ring where they agree best the end is where the local correlation first falls below
    0.5, which may be beyond what was fitted.
    """
    first, last = np.searchsorted(curves.g, 1 / np.array(fitted_A)).tolist()
    best = first + int(np.argmax(curves.agreement[first:last]))
    if curves.agreement[best] < AGREE:
        return fitted_A[0]
    bad = np.flatnonzero(curves.agreement[best:] < AGREE)
    end = best + int(bad[0]) if len(bad) else len(curves.g)
    return float(1 / curves.g[end - 1])


def _agreement(power: Floats, model: Floats, phase: Floats) -> Floats:
    """Local correlation of two curves; each window reaches one ring to both sides."""
    period = np.pi / np.maximum(np.abs(np.gradient(phase)), 1e-9)
    halves = np.clip(period, _FEWEST_BINS, len(power) / 4).astype(int)
    found = np.zeros(len(power))
    for i, half in enumerate(halves.tolist()):
        window = slice(max(0, i - half), i + half + 1)
        found[i] = _correlation(power[window], model[window])
    return found


def _correlation(a: Floats, b: Floats) -> float:
    """Of two short curves, each without its straight line."""
    known = np.isfinite(a)
    if known.sum() < _FEWEST_BINS:
        return 0.0
    a, b = _without_line(a[known]), _without_line(b[known])
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 1e-12 else 0.0


def _without_line(values: Floats) -> Floats:
    x = np.arange(len(values)) - (len(values) - 1) / 2
    return values - values.mean() - x * float(values @ x) / float(x @ x)
