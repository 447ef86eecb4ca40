"""The simulated micrographs that demo and sample data show, as files."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.picks import concatenate
from napari_cryoai.io.micrographs import open_micrographs
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.picks import write_picks
from napari_cryoai.physics.potential import Gaussians, potential
from napari_cryoai.physics.simulators.micrographs import demo_set, simulate_micrograph
from napari_cryoai.physics.simulators.pseudo_atoms import make_particle

TRUTH = "true_positions.star"
SYMMETRY = "O"
"""Of the particle."""


def demo_truth(n: int, pixel_size_A: float, seed: int = 3) -> DensityMap:
    """The map of the particle that the demo's micrographs show, in a box of `n` voxels."""
    model = demo_set(seed)[0]
    particle = make_particle(model.kind, model.diameter_A, model.structure_seed)
    xyz = torch.from_numpy(particle.xyz_A)
    width = torch.full((len(xyz), 1), 8 * math.pi**2 * particle.sigma_A**2, dtype=xyz.dtype)
    atoms = Gaussians(torch.ones_like(width), width)
    data = potential(xyz, atoms, n, pixel_size_A).numpy().astype(np.float32)
    return DensityMap(data, pixel_size_A)


def write_demo_set(folder: Path, seed: int = 3) -> tuple[list[Path], Path]:
    """Simulate a small set of micrographs into `folder`, unless it is there already.

    Returns
    -------
    micrographs
        The MRC files.
    truth
        A STAR file of where their particles are; written last, so that its presence says that the
        set is whole.
    """
    models = demo_set(seed)
    paths = [folder / f"simulated_{i + 1:02d}.mrc" for i in range(len(models))]
    truth = folder / TRUTH
    if truth.exists() and all(path.exists() for path in paths):
        return paths, truth
    picks = []
    for i, (model, path) in enumerate(zip(models, paths, strict=True)):
        made = simulate_micrograph(model, seed + i, path.name)
        write_mrc(path, made.image, pixel_size_A=made.pixel_size_A)
        picks.append(made.picks)
    micrographs, _ = open_micrographs(paths)
    write_picks(concatenate(picks), truth, micrographs=micrographs)
    return paths, truth
