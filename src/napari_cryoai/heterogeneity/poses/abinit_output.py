"""The files of an ab initio job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.poses.abinit import AbInitio
from napari_cryoai.io.atomic import write_text
from napari_cryoai.io.maps import write_map
from napari_cryoai.io.particle_stacks import write_particles
from napari_cryoai.jobs.curves_picture import (
    resolution_text,
    write_curves_picture,
    write_curves_table,
)
from napari_cryoai.jobs.record import RECORD

PARTICLES, HAND_NOTE = "particles.star", "hand.txt"
LIKELIHOOD, PROBABILITY = "rlnLogLikeliContribution", "rlnMaxValueProbDistribution"
ANGLE_SD, SHIFT_SD = "cryoaiAngleSd", "cryoaiShiftSdAngst"
COLOURS = {
    "unmasked": "#0072b2",
    "masked": "#e69f00",
    "randomised": "#999999",
    "corrected": "#000000",
}


def with_poses(stack: ParticleStack, found: AbInitio) -> ParticleStack:
    """The particles with the poses that were found; all their other columns are as they were.

    Likelihood and probability go to RELION's columns of these, the uncertainties to two of ours.
    """
    poses = found.poses
    columns = {
        LIKELIHOOD: poses.log_likelihood,
        PROBABILITY: poses.probability,
        ANGLE_SD: poses.angle_sd_deg,
        SHIFT_SD: poses.shift_sd_px * found.pixel_size_A,
    }
    tokens = {name: _tokens(values) for name, values in columns.items()}
    return replace(
        stack,
        rotations=poses.rotations.numpy(),
        shifts_yx_A=found.shifts_yx_A,
        half=found.half,
        extra={**stack.extra, **tokens},
    )


def write_abinit(found: AbInitio, stack: ParticleStack, output_dir: Path) -> list[Path]:
    """Write particles.star, map.mrc, half1.mrc, half2.mrc, fsc.csv, fsc.png and hand.txt.

    Returns
    -------
    files
        Written. Those of an earlier run are removed before the first of them is.
    """
    maps = {"half1.mrc": found.half1, "half2.mrc": found.half2, "map.mrc": found.map}
    names = (*maps, "fsc.csv", "fsc.png", HAND_NOTE, PARTICLES)
    for name in (*names, RECORD):
        (output_dir / name).unlink(missing_ok=True)
    for name, density in maps.items():
        write_map(output_dir / name, DensityMap(density.numpy(), found.pixel_size_A))
    write_curves_table(output_dir / "fsc.csv", found.fsc.rows())
    heading = f"{resolution_text(found.resolution_A)} at FSC = 0.143"
    write_curves_picture(output_dir / "fsc.png", found.fsc.curves(), COLOURS, heading)
    write_text(output_dir / HAND_NOTE, found.hand + ".\n")
    write_particles(with_poses(stack, found), output_dir / PARTICLES)
    return [output_dir / name for name in names]


def _tokens(values: Tensor) -> NDArray[np.object_]:
    """As STAR files have numbers; what is not one is told as 0, as RELION does."""
    numbers = values.double().nan_to_num(posinf=0.0).tolist()
    return np.array([f"{v:.6f}" for v in numbers], object)
