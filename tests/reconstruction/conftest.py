"""Particles of a map that is known, as files and as a stack."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.io.image_stacks import open_images
from napari_cryoai.io.mrc import write_mrc
from napari_cryoai.io.particle_stacks import write_particles
from napari_cryoai.physics import fourier
from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.slices import FourierVolume

N, PIXEL_A, COUNT = 32, 3.0, 800


@pytest.fixture(scope="session")
def truth() -> torch.Tensor:
    """Eight blobs without symmetry, `(32, 32, 32)`."""
    generator = torch.Generator().manual_seed(5)
    axis = torch.arange(N) - N // 2
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    total = torch.zeros(N, N, N)
    for cx, cy, cz in (torch.rand(8, 3, generator=generator) - 0.5) * N / 2.2:
        r2 = (x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2
        total += torch.exp(-r2 / (2 * 1.3**2))
    return total


@pytest.fixture(scope="session")
def particles(truth: torch.Tensor, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A STAR file of 800 noisy, shifted images with CTF, halves by turns."""
    folder = tmp_path_factory.mktemp("particles")
    write_particles(simulated(truth, folder), folder / "particles.star")
    return folder / "particles.star"


def simulated(truth: torch.Tensor, folder: Path) -> ParticleStack:
    rng = np.random.default_rng(0)
    rotations = Rotation.random(COUNT, rng=0).as_matrix()
    shifts_A = rng.normal(0, 4, (COUNT, 2))
    defocus = rng.uniform(8_000, 20_000, COUNT)
    ctf = ParticleCtf.of_values(
        COUNT,
        defocus_u_A=defocus + 300,
        defocus_v_A=defocus - 300,
        defocus_angle_deg=rng.uniform(0, 180, COUNT),
        voltage_kV=300,
        cs_mm=2.7,
        amplitude_contrast=0.1,
    )
    slices = FourierVolume.of_map(truth, kernel="kaiser-bessel").slices(
        torch.from_numpy(rotations).float()
    )
    function = CTF.of_particles(ctf).at(*fourier.frequencies((N, N), PIXEL_A))
    phases = fourier.shift_phases(torch.from_numpy(shifts_A).float(), (N, N), PIXEL_A)
    images = fourier.to_real(-function * slices * phases, (N, N))
    images += images.std() * torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    write_mrc(folder / "particles.mrcs", images.numpy(), PIXEL_A)
    names = [f"{i + 1:06d}@particles.mrcs" for i in range(COUNT)]
    return ParticleStack.of_images(
        open_images(names, folder / "particles.star"),
        PIXEL_A,
        rotations=rotations,
        shifts_yx_A=shifts_A,
        ctf=ctf,
        half=np.arange(COUNT) % 2 + 1,
    )
