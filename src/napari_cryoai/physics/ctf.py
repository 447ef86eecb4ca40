"""The contrast transfer function of the electron microscope."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.particle_ctf import ParticleCtf

Value = float | Tensor
"""One number for all images, or a tensor `(n,)` with one for each."""


def electron_wavelength_A(voltage_kV: Value) -> Any:
    """De Broglie wavelength of the electron, relativistic; 0.0197 A at 300 kV."""
    volts = 1e3 * voltage_kV
    return 12.2642596 / (volts * (1 + 0.978475598e-6 * volts)) ** 0.5


@dataclass(frozen=True)
class CTF:
    """Contrast transfer of a weak phase object, of one image or of a batch of images.

    With the spatial frequency `g` in 1/A and its direction `a`,

        CTF(g, a) = -sin(chi + phase_shift + arcsin(w)) * exp(-B g^2 / 4)
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
    b_factor_A2
        Of the envelope.
    """

    defocus_A: Value
    astigmatism_A: Value = 0.0
    astigmatism_angle_deg: Value = 0.0
    voltage_kV: Value = 300.0
    cs_mm: Value = 2.7
    amplitude_contrast: Value = 0.07
    phase_shift_deg: Value = 0.0
    b_factor_A2: Value = 0.0

    @classmethod
    def of_principal(
        cls,
        defocus_u_A: Tensor,
        defocus_v_A: Tensor,
        angle_deg: Tensor,
        **others: Any,
    ) -> CTF:
        """From the two principal defoci and the direction of the first, as files have them.

        Parameters
        ----------
        others
            The remaining attributes.
        """
        mean, difference = (defocus_u_A + defocus_v_A) / 2, defocus_u_A - defocus_v_A
        return cls(mean, difference, angle_deg, **others)

    @classmethod
    def of_particles(cls, ctf: ParticleCtf, device: torch.device | None = None) -> CTF:
        """Of the images of a particle stack, a batch."""

        def column(values: NDArray[np.float64]) -> Tensor:
            return torch.from_numpy(values).to(device, torch.float32)

        return cls.of_principal(
            column(ctf.defocus_u_A),
            column(ctf.defocus_v_A),
            column(ctf.defocus_angle_deg),
            voltage_kV=_common(ctf.voltage_kV, column),
            cs_mm=_common(ctf.cs_mm, column),
            amplitude_contrast=_common(ctf.amplitude_contrast, column),
            phase_shift_deg=_common(ctf.phase_shift_deg, column),
            b_factor_A2=_common(ctf.b_factor_A2, column),
        )

    def at(self, gy: Tensor, gx: Tensor) -> Tensor:
        """Its values at frequencies in 1/A, differentiable in whatever is a tensor.

        Parameters
        ----------
        gy, gx
            Frequencies that broadcast against each other to `(ny, nx)`; see `fourier.frequencies`.
            Their type is that of the result: float32 is exact to about 1e-4 at 3 A and 3 um of
            defocus.

        Returns
        -------
        values
            `(ny, nx)` or, if any attribute is a tensor, `(n, ny, nx)`.
        """
        wavelength = electron_wavelength_A(_each(self.voltage_kV, gy))
        gyy, gxx = gy * gy, gx * gx
        g2 = gyy + gxx
        # cos(2 (a - angle)) g^2, without the angle of every frequency.
        angle = 2 * math.pi / 180 * _each(self.astigmatism_angle_deg, gy)
        turned = torch.cos(angle) * (gxx - gyy) + 2 * torch.sin(angle) * gx * gy
        chi = _each(self.defocus_A, gy) * g2 + _each(self.astigmatism_A, gy) / 2 * turned
        chi = (
            math.pi * wavelength * (chi - wavelength**2 * _each(self.cs_mm, gy) * 1e7 / 2 * g2 * g2)
        )
        chi = chi + math.pi / 180 * _each(self.phase_shift_deg, gy)
        values = -torch.sin(chi + torch.asin(_each(self.amplitude_contrast, gy)))
        if isinstance(self.b_factor_A2, float) and not self.b_factor_A2:
            return values
        return values * torch.exp(-_each(self.b_factor_A2, gy) / 4 * g2)


def _common(values: NDArray[np.float64], column: Callable[[NDArray[np.float64]], Tensor]) -> Value:
    """One number if all are the same, which most are, and costs less."""
    same = len(values) and bool((values == values[0]).all())
    return float(values[0]) if same else column(values)


def _each(value: Value, like: Tensor) -> Tensor:
    """A number as `()`, a batch as `(n, 1, 1)`, of the type and on the device of `like`."""
    tensor = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    return tensor.reshape(-1, 1, 1) if tensor.ndim else tensor
