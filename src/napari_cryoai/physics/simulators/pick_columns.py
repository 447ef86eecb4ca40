"""What is known of simulated particles beyond their places, as columns of a STAR file."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.euler import zyz_from_matrices
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel

Floats = NDArray[np.float64]


def pose_columns(
    model: MicrographModel, rotations: Floats, defocus_A: Floats
) -> dict[str, list[str]]:
    """Angles and CTF of picks, for `PickTable.extra`."""
    half = model.astigmatism_A / 2
    angle = np.full(len(defocus_A), model.astigmatism_angle_deg)
    rot, tilt, psi = zyz_from_matrices(rotations)
    return {
        "rlnAngleRot": _text(rot),
        "rlnAngleTilt": _text(tilt),
        "rlnAnglePsi": _text(psi),
        "rlnDefocusU": _text(defocus_A + half),
        "rlnDefocusV": _text(defocus_A - half),
        "rlnDefocusAngle": _text(angle),
        "rlnVoltage": [f"{model.voltage_kV:g}"] * len(angle),
        "rlnSphericalAberration": [f"{model.cs_mm:g}"] * len(angle),
        "rlnAmplitudeContrast": [f"{model.amplitude_contrast:g}"] * len(angle),
    }


def _text(values: Floats) -> list[str]:
    return [f"{value:.6f}" for value in np.asarray(values).reshape(-1)]
