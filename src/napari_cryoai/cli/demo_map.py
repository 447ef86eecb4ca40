"""The second half of `cryoai demo`: from picks to particle images, to a map, and to a clean one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from napari_cryoai.cli.ctf import run_ctf
from napari_cryoai.cli.denoise import run_denoise
from napari_cryoai.cli.extract import run_extract
from napari_cryoai.cli.reconstruct import run_reconstruct
from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.euler import matrices_from_zyz
from napari_cryoai.core.micrograph import Micrograph
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.core.picks import PickTable
from napari_cryoai.io.maps import read_map, write_map
from napari_cryoai.io.particle_stacks import write_particles
from napari_cryoai.maps.denoise import DenoisedMap, DenoiseParams
from napari_cryoai.particles.ctf_estimation import CtfParams
from napari_cryoai.particles.extract_plan import ExtractParams
from napari_cryoai.physics.fsc import MAP_TO_MODEL, FscCurve, masked_fsc
from napari_cryoai.physics.simulators.demo import SYMMETRY, demo_truth
from napari_cryoai.picking.evaluate import match
from napari_cryoai.reconstruction.reconstruct import Reconstruction, ReconstructParams

ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
PIXEL_SIZE_A = 2.5


def extract_picks(
    params: CtfParams, picks: PickTable, micrographs: Sequence[Micrograph], output: Path
) -> ParticleStack:
    """Estimate the CTF and cut the particles out, into `output/ctf` and `output/particles`."""
    found = run_ctf(params, micrographs, output / "ctf")
    ctf = {row.name: row for row in found.ctfs}
    coarse = max(PIXEL_SIZE_A, *(m.require_pixel_size() for m in micrographs))
    size = ExtractParams(pixel_size_A=coarse)
    return run_extract(size, picks, micrographs, output / "particles", ctf).particles


def with_true_poses(
    particles: ParticleStack, truth: PickTable, radius_px: float, micrograph_A: float
) -> ParticleStack:
    """Those particles that lie near a simulated one, with the pose and the place of that.

    Parameters
    ----------
    truth
        With the angles of RELION among its columns.
    radius_px, micrograph_A
        How far a pick may lie from the true centre, and the pixel size of the micrographs.
    """
    where = particles.yx_px + particles.shifts_yx_A / micrograph_A
    pairs = []
    for number, name in enumerate(particles.names):
        mine = np.flatnonzero(particles.micrograph == number)
        theirs = truth.rows_of(Path(name).name)
        a, b = match(where[mine], truth.yx_px[theirs], radius_px)
        pairs.append(np.stack([mine[a], theirs[b]]))
    rows, partners = np.concatenate(pairs, axis=1)
    angles = [truth.extra[label][partners].astype(float) for label in ANGLES]
    found = particles.select(rows)
    shifts_yx_A = (truth.yx_px[partners] - found.yx_px) * micrograph_A
    return replace(found, rotations=matrices_from_zyz(*angles), shifts_yx_A=shifts_yx_A)


def reconstruct_known(
    particles: ParticleStack, output: Path, seed: int
) -> tuple[Reconstruction, float]:
    """Reconstruct into `output/map`; the map, and its resolution against the truth in A."""
    star = output / "particles" / "particles_with_poses.star"
    write_particles(particles, star)
    params = ReconstructParams(symmetry=SYMMETRY, seed=seed)
    found = run_reconstruct(params, particles, star, output / "map")
    truth = demo_truth(particles.box_size_px, found.pixel_size_A, seed)
    write_map(output / "map" / "truth.mrc", truth)
    return found, _to_truth_A(found.map, truth, found)


def denoise_known(found: Reconstruction, output: Path, seed: int) -> tuple[DenoisedMap, float]:
    """Denoise `output/map` into `output/denoised`; the map, and how well it shows the truth."""
    folder = output / "map"
    one, two = (folder / f"half{i}.mrc" for i in (1, 2))
    mask = None if found.mask is None else folder / "mask.mrc"
    denoised = run_denoise(DenoiseParams(seed=seed), one, two, mask, output / "denoised")
    truth = read_map(folder / "truth.mrc")
    return denoised, _to_truth_A(torch.from_numpy(denoised.full.data), truth, found)


def _to_truth_A(map_: Tensor, truth: DensityMap, found: Reconstruction) -> float:
    """Where the FSC with the noise-free map falls below 0.5, in the mask."""
    wanted = torch.from_numpy(truth.data)
    mask = torch.ones_like(wanted) if found.mask is None else found.mask
    curve = FscCurve(masked_fsc(map_, wanted, mask), len(wanted), found.pixel_size_A)
    return curve.resolution_A(MAP_TO_MODEL)
