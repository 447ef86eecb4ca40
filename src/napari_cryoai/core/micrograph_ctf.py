"""What was measured of the contrast transfer function (CTF) of one micrograph."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from napari_cryoai.core.errors import CryoAIError


@dataclass(frozen=True)
class MicrographCtf:
    """Defocus and optics of one micrograph.

    Attributes
    ----------
    name
        Of the micrograph, as in `_rlnMicrographName`.
    defocus_u_A, defocus_v_A
        Largest and smallest underfocus, positive under focus.
    defocus_angle_deg
        Between the x axis and the direction of `defocus_u_A`, as RELION and CTFFIND count it.
    voltage_kV, cs_mm, amplitude_contrast
        Of the microscope.
    pixel_size_A
        Of the micrograph.
    phase_shift_deg
        Of a phase plate.
    fit_score
        Correlation of the spectrum with the fitted rings; NaN where nobody told.
    fit_resolution_A
        To which the rings fit; NaN where nobody told.
    """

    name: str
    defocus_u_A: float
    defocus_v_A: float
    defocus_angle_deg: float
    voltage_kV: float
    cs_mm: float
    amplitude_contrast: float
    pixel_size_A: float
    phase_shift_deg: float = 0.0
    fit_score: float = math.nan
    fit_resolution_A: float = math.nan

    def __post_init__(self) -> None:
        optional = ("name", "fit_score", "fit_resolution_A")
        needed = [f.name for f in fields(self) if f.name not in optional]
        bad = [name for name in needed if not math.isfinite(getattr(self, name))]
        bad += [name for name in ("voltage_kV", "pixel_size_A") if not getattr(self, name) > 0]
        if bad or not 0 <= self.amplitude_contrast <= 1:
            bad = bad or ["amplitude_contrast"]
            raise CryoAIError(
                f"the CTF of micrograph '{self.name}' is not usable: "
                f"{bad[0]} is {getattr(self, bad[0]):g}",
                remedy="Estimate its CTF again, or leave the micrograph out",
            )

    @property
    def defocus_A(self) -> float:
        """Mean underfocus."""
        return (self.defocus_u_A + self.defocus_v_A) / 2

    @property
    def astigmatism_A(self) -> float:
        """Difference of the two."""
        return abs(self.defocus_u_A - self.defocus_v_A)
