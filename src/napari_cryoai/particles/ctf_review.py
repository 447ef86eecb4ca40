"""CTF values, wherever they come from, held against the rings of their micrograph."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.micrograph_ctf import MicrographCtf
from napari_cryoai.particles.ctf_curves import CtfCurves, ring_curves
from napari_cryoai.particles.ctf_estimation import CtfFit
from napari_cryoai.particles.ctf_phase import Floats, Optics
from napari_cryoai.particles.ctf_picture import halves, levelled
from napari_cryoai.particles.ctf_search import Guess
from napari_cryoai.particles.power_spectrum import FINEST_A, PowerSpectrum, power_spectrum

COARSEST_A = 30.0
_BEYOND_FIT = 1.25
"""How much further than the rings fit a review looks, at least to `_FINEST_SHOWN_A`."""
_FINEST_SHOWN_A = 5.0
_LEVELLING_STEPS = 14


@dataclass(frozen=True, eq=False)
class CtfReview:
    """What the eye needs to judge CTF values.

    Attributes
    ----------
    ctf
        The values.
    rings
        `(n, n)` with n odd: left half the spectrum, right half the model; zero mean, unit variance
        around each radius, frequency 0 in the middle, row 0 on top.
    largest
        Frequency in 1/A at the middle of each edge of `rings`, and at the end of the curves.
    g, measured, model, agreement
        `(m,)` along the rings, from `COARSEST_A` on; the first two curves between 0 and 1, the
        correlation of both up to 1.
    """

    ctf: MicrographCtf
    rings: Floats
    largest: float
    g: Floats
    measured: Floats
    model: Floats
    agreement: Floats


def review_ctf(micrograph: Micrograph, ctf: MicrographCtf) -> CtfReview:
    """Hold CTF values against their micrograph; takes a second or two.

    Raises
    ------
    CryoAIError
        If the micrograph cannot be read, is blank or too small.
    """
    pixels = micrograph.read()
    return review_pixels(pixels, ctf)


def review_pixels(pixels: NDArray[np.generic], ctf: MicrographCtf) -> CtfReview:
    """Hold CTF values against `(ny, nx)` pixels."""
    spectrum = power_spectrum(pixels, ctf.pixel_size_A, FINEST_A)
    fit = _as_fit(spectrum, ctf)
    largest = min(1 / fit.fitted_A[1], float(fit.curves.g[-1]))
    curves = fit.curves
    shown = (curves.g >= 1 / COARSEST_A) & (curves.g <= largest)
    measured = 0.5 + levelled(curves, _LEVELLING_STEPS) / math.sqrt(8)
    return CtfReview(
        ctf,
        halves(fit, largest),
        largest,
        curves.g[shown],
        measured[shown],
        curves.model[shown],
        curves.agreement[shown],
    )


def _as_fit(spectrum: PowerSpectrum, ctf: MicrographCtf) -> CtfFit:
    optics = Optics(ctf.voltage_kV, ctf.cs_mm, ctf.amplitude_contrast)
    curves = _curves(spectrum, ctf, optics)
    reach_A = ctf.fit_resolution_A if math.isfinite(ctf.fit_resolution_A) else _FINEST_SHOWN_A
    finest_A = min(_FINEST_SHOWN_A, reach_A / _BEYOND_FIT)
    return CtfFit(
        ctf.defocus_u_A,
        ctf.defocus_v_A,
        ctf.defocus_angle_deg,
        ctf.phase_shift_deg,
        ctf.fit_score,
        ctf.fit_resolution_A,
        (COARSEST_A, max(finest_A, 1 / float(curves.g[-1]))),
        curves,
        spectrum,
        optics,
    )


def _curves(spectrum: PowerSpectrum, ctf: MicrographCtf, optics: Optics) -> CtfCurves:
    half, angle = (ctf.defocus_u_A - ctf.defocus_v_A) / 2, math.radians(2 * ctf.defocus_angle_deg)
    astigmatism = (half * math.sin(angle), half * math.cos(angle))
    guess = Guess(ctf.defocus_A, astigmatism, math.radians(ctf.phase_shift_deg))
    return ring_curves(spectrum, guess, optics)
