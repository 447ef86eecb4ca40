"""The contrast transfer function of the electron microscope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

Floats = NDArray[np.float32]


def electron_wavelength_A(voltage_kV: float) -> float:
    """De Broglie wavelength of the electron, relativistic; 0.0197 A at 300 kV."""
    volts = 1e3 * voltage_kV
    return float(12.2642596 / np.sqrt(volts * (1 + 0.978475598e-6 * volts)))


@dataclass(frozen=True)
class CTF:
    """Contrast transfer of a weak phase object.

    With the spatial frequency `g` in 1/A and its direction `a`,

        CTF(g, a) = -sin(chi + phase_shift + arcsin(w))
        chi(g, a) = pi * wavelength * g^2 * (defocus(a) - wavelength^2 * g^2 * Cs / 2)
        defocus(a) = mean defocus + astigmatism / 2 * cos(2 (a - astigmatism angle))

    where `w` is the amplitude contrast (Rohou and Grigorieff 2015, J. Struct. Biol. 192, 216,
    equations 2 to 5; Mindell and Grigorieff 2003, J. Struct. Biol. 142, 334). It is negative at low
    frequency and underfocus: density comes out dark.

    Attributes
    ----------
    defocus_A
        Mean of the two principal defoci; underfocus is positive.
    astigmatism_A
        Larger minus smaller principal defocus.
    astigmatism_angle_deg
        Direction of the larger one, from the x axis towards the y axis.
    voltage_kV, cs_mm
        Acceleration voltage and spherical aberration.
    amplitude_contrast
        Fraction of the contrast that is of amplitude, 0 to 1.
    phase_shift_deg
        Of a phase plate.
    """

    defocus_A: float
    astigmatism_A: float = 0.0
    astigmatism_angle_deg: float = 0.0
    voltage_kV: float = 300.0
    cs_mm: float = 2.7
    amplitude_contrast: float = 0.07
    phase_shift_deg: float = 0.0

    def at(self, gy: Floats, gx: Floats) -> Floats:
        """Its values at the frequencies `(gy, gx)`, in 1/A, that broadcast against each other."""
        wavelength = electron_wavelength_A(self.voltage_kV)
        angle = 2 * np.deg2rad(self.astigmatism_angle_deg)
        gyy, gxx = gy * gy, gx * gx
        g2 = gyy + gxx
        # cos(2 (a - angle)) g^2, without the angle of every frequency.
        turned = np.float32(np.cos(angle)) * (gxx - gyy) + np.float32(2 * np.sin(angle)) * gx * gy
        chi = np.float32(self.defocus_A) * g2 + np.float32(self.astigmatism_A / 2) * turned
        chi -= np.float32(wavelength**2 * self.cs_mm * 1e7 / 2) * g2 * g2
        chi *= np.float32(np.pi * wavelength)
        chi += np.float32(np.deg2rad(self.phase_shift_deg) + np.arcsin(self.amplitude_contrast))
        values: Floats = -np.sin(chi)
        return values


def frequencies(shape: tuple[int, int], pixel_size_A: float) -> tuple[Floats, Floats]:
    """Frequencies of `rfft2` of a `(ny, nx)` image, in 1/A.

    Returns
    -------
    gy, gx
        `(ny, 1)` and `(1, nx // 2 + 1)`, unshifted.
    """
    gy = fft.fftfreq(shape[0], pixel_size_A).astype(np.float32)[:, None]
    gx = fft.rfftfreq(shape[1], pixel_size_A).astype(np.float32)[None, :]
    return gy, gx
