"""Maps to denoise, and scenes to learn from."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.structure import Structure
from napari_cryoai.maps.standard import PIXEL_A
from napari_cryoai.maps.training_scenes import TrainingScene
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.half_maps import HalfMapModel, simulate_half_maps


@pytest.fixture(scope="session")
def simulated():
    """A pair of half maps of a globule at 1.6 A per voxel."""
    rng = np.random.default_rng(0)
    structure = Structure.of_atoms(rng.normal(0, 10, (2000, 3)), "C", 30.0)
    model = HalfMapModel(masked=0.0, membrane=0.0, nucleic=0.0)
    return simulate_half_maps(structure, model, 48, 1.6, 5)


@pytest.fixture(scope="session")
def halves(simulated):
    """The same as maps that lie somewhere."""
    return [
        DensityMap(half.numpy(), 1.6, (10.0, -20.0, 5.0))
        for half in (simulated.half1, simulated.half2)
    ]


@pytest.fixture(scope="session")
def scenes():
    """Noise-free densities on the networks' grid."""
    made = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        points = rng.normal(0, 8, (400, 3)) / PIXEL_A + 30
        density = torch.zeros(60, 60, 60)
        density.index_put_(
            tuple(torch.from_numpy(points).long().clamp(0, 59).T), torch.tensor(20.0), True
        )
        from napari_cryoai.physics.gaussian import blurred
        from napari_cryoai.physics.radial import power_spectrum

        density = blurred(density, 1.0)
        mask = (blurred((density > 0.05).float(), 2.0) * 2).clamp(max=1.0)
        signal = (power_spectrum(density) / mask.square().sum() * PIXEL_A**3).sqrt()
        made.append(
            TrainingScene(
                density.numpy().astype(np.float16),
                (255 * mask).to(torch.uint8).numpy(),
                signal.numpy().astype(np.float32),
            )
        )
    return made


@pytest.fixture(scope="session")
def molecule():
    """Half maps of a compact molecule of 900 atoms, 4.5 A, in 64 voxels of 1.7 A."""
    rng = np.random.default_rng(3)
    xyz = rng.normal(size=(900, 3))
    xyz *= 20 * rng.random((900, 1)) ** (1 / 3) / np.linalg.norm(xyz, axis=1, keepdims=True)
    none = Distribution("constant", 0)
    model = HalfMapModel(
        resolution_A=Distribution("constant", 4.5),
        ssnr=Distribution("constant", 300),
        preferred_fraction=none,
        glycans=none,
        masked=0.0,
        membrane=0.0,
        nucleic=0.0,
    )
    return simulate_half_maps(Structure.of_atoms(xyz * [1.2, 1, 0.8], "C", 50.0), model, 64, 1.7, 0)
