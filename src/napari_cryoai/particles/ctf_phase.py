"""The phase of the CTF in numpy, for what has to start fast; `physics.ctf` has it in torch.

Both are one formula, which a test holds them to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def wavelength_A(voltage_kV: float) -> float:
    """De Broglie wavelength of the electron, relativistic; 0.0197 A at 300 kV."""
    volts = 1e3 * voltage_kV
    return 12.2642596 / math.sqrt(volts * (1 + 0.978475598e-6 * volts))


@dataclass(frozen=True)
class Optics:
    """What the microscope does to the phase besides its defocus.

    Attributes
    ----------
    voltage_kV, cs_mm, amplitude_contrast
        As in `physics.ctf.CTF`.
    """

    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.1

    @property
    def wavelength_A(self) -> float:
        """De Broglie wavelength of the electron."""
        return wavelength_A(self.voltage_kV)

    def phase(self, defocus_A: Any, g2: Any, phase_shift_rad: float = 0.0) -> Any:
        """The argument of the sine: `CTF = -sin(phase)`.

        Parameters
        ----------
        defocus_A
            In the direction of each frequency.
        g2
            Squares of the frequencies in 1/A^2; the two broadcast against each other.
        phase_shift_rad
            Of a phase plate.
        """
        wave = self.wavelength_A
        bent = wave**2 * self.cs_mm * 1e7 / 2
        own = math.asin(self.amplitude_contrast) + phase_shift_rad
        return math.pi * wave * g2 * (defocus_A - bent * g2) + own

    def same_phase(self, defocus_A: float, directed_A: Floats, g2: Floats) -> Floats:
        """Squared frequency at which `defocus_A` gives the phase that `directed_A` gives at `g2`.

        It takes the rings of an astigmatic CTF to circles (equiphase averaging: Zhang 2016,
        J. Struct. Biol. 193, 1). NaN where there is none.
        """
        bent = self.wavelength_A**2 * self.cs_mm * 1e7
        wanted = g2 * (directed_A - bent / 2 * g2)
        if not bent:
            return wanted / defocus_A
        # The smaller root of bent / 2 s^2 - defocus s + wanted = 0, without its cancellation.
        with np.errstate(invalid="ignore"):
            root = np.sqrt(defocus_A**2 - 2 * bent * wanted)
        return 2 * wanted / (defocus_A + root)


def directed_defocus_A(defocus_A: float, astigmatism_yx_A: tuple[float, float], turn: Any) -> Any:
    """Defocus in each direction.

    Parameters
    ----------
    astigmatism_yx_A
        Half the difference of the principal defoci, times sine and cosine of twice the angle of
        the larger one.
    turn
        `(2, ...)` sine and cosine of twice the angle of each direction; see `turns`.
    """
    return defocus_A + astigmatism_yx_A[0] * turn[0] + astigmatism_yx_A[1] * turn[1]


def turns(gy: Floats, gx: Floats) -> Floats:
    """Sine and cosine of twice the angle of each frequency, from the x axis towards y."""
    g2 = np.maximum(gx * gx + gy * gy, 1e-30)
    return np.stack([2 * gx * gy / g2, (gx * gx - gy * gy) / g2])


def principal_defoci(
    defocus_A: float, astigmatism_yx_A: tuple[float, float]
) -> tuple[float, float, float]:
    """The larger and the smaller defocus, and the angle of the larger in degrees, 0 to 180."""
    sine, cosine = astigmatism_yx_A
    half = math.hypot(sine, cosine)
    angle = math.degrees(math.atan2(sine, cosine)) / 2 % 180.0
    return defocus_A + half, defocus_A - half, angle
