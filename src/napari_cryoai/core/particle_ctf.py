"""The contrast transfer of particle images: one row for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_cryoai.core.errors import CryoAIError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_MAY_LACK = ("voltage_kV", "cs_mm", "amplitude_contrast")
_MICROSCOPES = {"voltage_kV": (20, 2000), "cs_mm": (-20, 20), "amplitude_contrast": (0, 1)}
"""Beyond these lies a column in other units, or read by mistake."""


@dataclass(frozen=True, eq=False)
class ParticleCtf:
    """Defocus and optics of particles; every attribute is `(n,)`, float64 but for the flags.

    Attributes
    ----------
    defocus_u_A, defocus_v_A
        Underfocus along the two principal directions.
    defocus_angle_deg
        Direction of the first, from the x axis towards the y axis.
    voltage_kV, cs_mm, amplitude_contrast
        Of the microscope; NaN where the file does not tell.
    phase_shift_deg
        Of a phase plate.
    b_factor_A2
        Of the envelope `exp(-B g^2 / 4)`.
    phase_flipped
        Whether the image has been multiplied by the sign of its CTF.
    premultiplied
        Whether the image has been multiplied by its CTF.
    """

    defocus_u_A: Floats
    defocus_v_A: Floats
    defocus_angle_deg: Floats
    voltage_kV: Floats
    cs_mm: Floats
    amplitude_contrast: Floats
    phase_shift_deg: Floats
    b_factor_A2: Floats
    phase_flipped: Bools
    premultiplied: Bools

    @classmethod
    def of_values(
        cls,
        n: int,
        *,
        defocus_u_A: ArrayLike,
        defocus_v_A: ArrayLike,
        defocus_angle_deg: ArrayLike,
        voltage_kV: ArrayLike = np.nan,
        cs_mm: ArrayLike = np.nan,
        amplitude_contrast: ArrayLike = np.nan,
        phase_shift_deg: ArrayLike = 0.0,
        b_factor_A2: ArrayLike = 0.0,
        phase_flipped: ArrayLike = False,
        premultiplied: ArrayLike = False,
    ) -> ParticleCtf:
        """Of `n` particles: one value for all, or `(n,)` values, of each attribute."""

        def column(value: ArrayLike, dtype: Any) -> NDArray[Any]:
            return np.broadcast_to(np.asarray(value, dtype), (n,)).copy()

        numbers = (
            *(defocus_u_A, defocus_v_A, defocus_angle_deg),
            *(voltage_kV, cs_mm, amplitude_contrast, phase_shift_deg, b_factor_A2),
        )
        flags = (phase_flipped, premultiplied)
        return cls(
            *(column(value, np.float64) for value in numbers),
            *(column(flag, np.bool_) for flag in flags),
        )

    def __post_init__(self) -> None:
        for name in CTF_COLUMNS:
            values = getattr(self, name)
            if values.shape != self.defocus_u_A.shape or values.ndim != 1:
                raise ValueError(f"{name} has the shape {values.shape}")
            bad = np.isinf(values) if name in _MAY_LACK else ~np.isfinite(values)
            if bad.any():
                row = int(np.argmax(bad))
                raise CryoAIError(
                    f"the CTF of particle {row + 1} is not usable: {name} is {values[row]:g}",
                    remedy="Correct or remove that row, or estimate the CTF again",
                )

    def __len__(self) -> int:
        return len(self.defocus_u_A)

    def select(self, rows: NDArray[Any]) -> ParticleCtf:
        """The rows of a mask or an index array."""
        return ParticleCtf(*(getattr(self, name)[rows] for name in CTF_COLUMNS))

    def require_optics(self) -> ParticleCtf:
        """The same, sure to tell voltage, spherical aberration and amplitude contrast.

        Raises
        ------
        CryoAIError
            Naming the one that is missing, or that no microscope has.
        """
        lacking = [name for name in _MAY_LACK if np.isnan(getattr(self, name)).any()]
        if lacking:
            raise CryoAIError(
                f"the particles do not tell the {_in_words(lacking)} of the microscope",
                remedy="Add it to the optics table of their STAR file (0.1 is a usual amplitude "
                "contrast for cryo-EM, 2.7 mm a usual spherical aberration)",
            )
        for name, (low, high) in _MICROSCOPES.items():
            values = getattr(self, name)
            bad = (values < low) | (values > high)
            if bad.any():
                row = int(np.argmax(bad))
                raise CryoAIError(
                    f"no microscope has the {_in_words([name])} of particle {row + 1}, "
                    f"{values[row]:g}",
                    remedy="Correct the optics table: the voltage is in kV, the spherical "
                    "aberration in mm, the amplitude contrast a fraction from 0 to 1",
                )
        return self


CTF_COLUMNS = tuple(f.name for f in fields(ParticleCtf))
"""Its columns."""


def _in_words(names: Iterable[str]) -> str:
    words = {"voltage_kV": "voltage", "cs_mm": "spherical aberration"}
    return ", ".join(words.get(name, name.replace("_", " ")) for name in names)
