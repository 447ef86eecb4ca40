"""Defocus and astigmatism of a micrograph from the rings in its power spectrum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.jobs.params import Params
from napari_cryoai.particles.ctf_curves import CtfCurves, fit_resolution_A, ring_curves
from napari_cryoai.particles.ctf_phase import Optics, principal_defoci
from napari_cryoai.particles.ctf_search import Guess, Ranges, Rings, search
from napari_cryoai.particles.power_spectrum import FINEST_A, PowerSpectrum, power_spectrum

_NYQUIST_SHARE = 0.95
_FEWEST_STEPS = 20
_SIGNIFICANT = 7.0
"""Standard deviations above chance. The best of all guesses on pure noise reaches four to five."""


class CtfParams(Params):
    """What the estimation of the CTF needs to know."""

    voltage_kV: float = Field(
        300.0,
        ge=20,
        le=2000,
        title="Voltage",
        description="Acceleration voltage of the microscope.",
        json_schema_extra={"unit": "kV"},
    )
    cs_mm: float = Field(
        2.7,
        ge=0,
        le=20,
        title="Spherical aberration",
        description="Spherical aberration of the microscope.",
        json_schema_extra={"unit": "mm"},
    )
    amplitude_contrast: float = Field(
        0.1,
        ge=0,
        lt=1,
        title="Amplitude contrast",
        description="Fraction of the contrast that is of amplitude; 0.07 to 0.1 for ice.",
    )
    min_defocus_A: float = Field(
        3_000.0,
        ge=500,
        title="Smallest defocus",
        description="Where the search begins; underfocus is positive.",
        json_schema_extra={"unit": "A"},
    )
    max_defocus_A: float = Field(
        50_000.0,
        le=200_000,
        title="Largest defocus",
        description="Where the search ends.",
        json_schema_extra={"unit": "A"},
    )
    low_resolution_A: float = Field(
        30.0,
        gt=1,
        le=100,
        title="Coarsest resolution",
        description="Rings are fitted from here; what is coarser shows particles more than rings.",
        json_schema_extra={"unit": "A"},
    )
    high_resolution_A: float = Field(
        4.0,
        gt=1,
        le=50,
        title="Finest resolution",
        description="Rings are fitted up to here, or to near the limit of the pixels.",
        json_schema_extra={"unit": "A"},
    )
    astigmatism: bool = Field(
        True,
        title="Astigmatism",
        description="Whether the defocus may differ with direction.",
    )
    max_astigmatism_A: float = Field(
        2_500.0,
        gt=0,
        le=20_000,
        title="Largest astigmatism",
        description="Largest difference of the two principal defoci in the search.",
        json_schema_extra={"unit": "A"},
    )
    phase_plate: bool = Field(
        False,
        title="Phase plate",
        description="Whether a phase shift is searched for, too.",
    )

    @property
    def optics(self) -> Optics:
        """What is known of the microscope."""
        return Optics(self.voltage_kV, self.cs_mm, self.amplitude_contrast)


@dataclass(frozen=True, eq=False)
class CtfFit:
    """The CTF of a micrograph.

    Attributes
    ----------
    defocus_u_A, defocus_v_A
        Larger and smaller principal defocus; underfocus is positive.
    defocus_angle_deg
        Direction of the larger one, from the x axis towards y (down the rows of the file), 0 to
        180. It means nothing where the two are equal.
    phase_shift_deg
        Of a phase plate; 0 if none was searched for.
    score
        Normalised cross-correlation of spectrum and model over all frequencies fitted.
    fit_resolution_A
        Up to where rings and model agree; the coarsest fitted if they do nowhere.
    fitted_A
        Coarsest and finest resolution that were fitted.
    curves
        Along the rings.
    spectrum
        What was fitted.
    optics
        What was known.
    """

    defocus_u_A: float
    defocus_v_A: float
    defocus_angle_deg: float
    phase_shift_deg: float
    score: float
    fit_resolution_A: float
    fitted_A: tuple[float, float]
    curves: CtfCurves
    spectrum: PowerSpectrum
    optics: Optics

    @property
    def defocus_A(self) -> float:
        """Mean of the two principal defoci."""
        return (self.defocus_u_A + self.defocus_v_A) / 2


def estimate_ctf(
    pixels: NDArray[np.generic], pixel_size_A: float, params: CtfParams | None = None
) -> CtfFit:
    """Estimate the CTF of a micrograph, in the way of CTFFIND.

    The square of the CTF is compared with the average power spectrum of patches (Mindell and
    Grigorieff 2003, J. Struct. Biol. 142, 334; Rohou and Grigorieff 2015, J. Struct. Biol. 192,
    216). Documented in `docs/methods/ctf-estimation.md`.

    Parameters
    ----------
    pixels
        `(ny, nx)` as recorded.
    pixel_size_A
        Side of a pixel.

    Raises
    ------
    CryoAIError
        If the micrograph is blank or too small, its pixels too large, or the parameters disagree.
    """
    params = params or CtfParams()
    spectrum = power_spectrum(pixels, pixel_size_A, min(FINEST_A, 0.9 * params.high_resolution_A))
    ranges = _ranges(params, spectrum)
    rings = Rings.of(spectrum, ranges.g, params.optics)
    return _fit(search(rings, ranges), rings, spectrum, ranges)


def _fit(guess: Guess, rings: Rings, spectrum: PowerSpectrum, ranges: Ranges) -> CtfFit:
    curves = ring_curves(spectrum, guess, rings.optics)
    fitted_A = 1 / ranges.g[0], 1 / ranges.g[1]
    score = rings.correlation(guess, weighted=False)
    believed = rings.significance(guess) >= _SIGNIFICANT
    u, v, angle = principal_defoci(guess.defocus_A, guess.astigmatism_yx_A)
    return CtfFit(
        u,
        v,
        angle,
        math.degrees(guess.phase_shift_rad) % 180.0,
        score,
        fit_resolution_A(curves, fitted_A) if believed else fitted_A[0],
        fitted_A,
        curves,
        spectrum,
        rings.optics,
    )


def _ranges(params: CtfParams, spectrum: PowerSpectrum) -> Ranges:
    if params.min_defocus_A >= params.max_defocus_A:
        raise CryoAIError(
            f"a smallest defocus of {params.min_defocus_A:g} A is not below the largest of "
            f"{params.max_defocus_A:g} A",
            remedy="Correct --min-defocus-A or --max-defocus-A",
        )
    low = 1 / params.low_resolution_A
    high = min(1 / params.high_resolution_A, _NYQUIST_SHARE * spectrum.nyquist)
    if high - low < _FEWEST_STEPS * spectrum.step:
        raise CryoAIError(
            f"there is nothing to fit between {params.low_resolution_A:g} A and {1 / high:.1f} A",
            remedy="Check the pixel size, and the coarsest and finest resolution; binned "
            "micrographs show too few rings",
        )
    largest = params.max_astigmatism_A if params.astigmatism else 0.0
    defocus_A = (params.min_defocus_A, params.max_defocus_A)
    return Ranges(defocus_A, (low, high), largest, params.phase_plate)
