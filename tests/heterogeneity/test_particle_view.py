"""A particle beside the projection of the map at its place."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_cryoai.core.latent_table import LatentTable
from napari_cryoai.core.particle_ctf import ParticleCtf
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.heterogeneity.model import LatentModel
from napari_cryoai.heterogeneity.particle_view import view_particle
from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.fourier import (
    frequencies,
    resize_fourier,
    shift_phases,
    to_fourier,
    to_real,
)
from napari_cryoai.physics.slices import FourierVolume

N, PIXEL_A, COUNT = 48, 3.0, 4


class Images:
    """In memory, as `ImageSource`."""

    def __init__(self, data: np.ndarray):
        self.data = data
        self.box_size_px = data.shape[-1]

    def __len__(self) -> int:
        return len(self.data)

    def read(self, indices: np.ndarray) -> np.ndarray:
        return self.data[indices].astype(np.float32)

    def take(self, indices: np.ndarray) -> Images:
        return Images(self.data[indices])

    def names(self) -> None:
        return None


def blob(*centre: float) -> torch.Tensor:
    grid = torch.stack(torch.meshgrid(*[torch.arange(N) - N // 2.0] * 3, indexing="ij"), -1)
    return torch.exp(-((grid - torch.tensor(centre)) ** 2).sum(-1) / 18)


@pytest.fixture(scope="module")
def model() -> LatentModel:
    z = np.linspace(-1, 1, COUNT, dtype=np.float32)[:, None]
    table = LatentTable(
        z,
        np.full((COUNT, 1, 1), 0.01, np.float32),
        np.arange(COUNT, dtype=np.int64),
        np.array(["1@p"] * COUNT),
    )
    mean, part = blob(0, 0, 0) + blob(6, 0, 3), blob(-5, 4, 0)[None]
    return LatentModel("covariance", mean, part, None, table, PIXEL_A)


@pytest.fixture(scope="module")
def stack(model: LatentModel) -> ParticleStack:
    """Images without noise, shifted, with astigmatism."""
    rotations = Rotation.random(COUNT, random_state=3).as_matrix()
    shifts = np.random.default_rng(0).normal(0, 5, (COUNT, 2))
    ctf = ParticleCtf.of_values(
        COUNT, defocus_u_A=15_000, defocus_v_A=13_000, defocus_angle_deg=30,
        voltage_kV=300, cs_mm=2.7, amplitude_contrast=0.1,
    )  # fmt: skip
    gy, gx = frequencies((N, N), PIXEL_A)
    carried = -CTF.of_particles(ctf).at(gy, gx)
    images = []
    for i, z in enumerate(model.table.mean):
        volume = FourierVolume.of_map(torch.from_numpy(model.decode(z).data.copy()))
        view = volume.slices(torch.from_numpy(rotations[i : i + 1]).float())
        moved = (
            view * carried[i] * shift_phases(torch.from_numpy(shifts[i : i + 1]), (N, N), PIXEL_A)
        )
        images.append(to_real(moved.to(torch.complex64), (N, N)).numpy()[0])
    return ParticleStack.of_images(
        Images(np.stack(images)), PIXEL_A, rotations=rotations, shifts_yx_A=shifts, ctf=ctf
    )


def test_nothing_is_left_of_an_image_without_noise(
    model: LatentModel, stack: ParticleStack
) -> None:
    for row in range(COUNT):
        view = view_particle(model, stack, row, model.table.mean[row])
        assert view.correlation > 0.995
        assert view.residual.std() < 0.1 * view.image.std()
        assert view.pixel_size_A == PIXEL_A


def test_at_another_place_the_moving_part_is_left(model: LatentModel, stack: ParticleStack) -> None:
    right = view_particle(model, stack, 0, model.table.mean[0])
    wrong = view_particle(model, stack, 0, model.table.mean[-1])
    assert wrong.residual.std() > 5 * right.residual.std()


def test_a_map_with_larger_voxels_than_the_images_is_compared_at_its_own(
    model: LatentModel, stack: ParticleStack
) -> None:
    n = 32

    def coarse(volume: torch.Tensor) -> torch.Tensor:
        transform = resize_fourier(to_fourier(volume, 3), (N,) * 3, (n,) * 3)
        return to_real(transform, (n,) * 3)

    small = LatentModel(
        "covariance",
        coarse(model.mean),
        coarse(model.components[0])[None],
        None,
        model.table,
        PIXEL_A * N / n,
    )
    view = view_particle(small, stack, 1, model.table.mean[1])
    assert view.image.shape == (n, n)
    assert view.pixel_size_A == pytest.approx(small.pixel_size_A)
    assert view.correlation > 0.98
    assert view.residual.std() < 0.2 * view.image.std()


def test_a_filter_takes_noise_away_and_leaves_the_particle(
    model: LatentModel, stack: ParticleStack
) -> None:
    clean = stack.images.read(np.arange(COUNT))
    noise = np.random.default_rng(0).normal(0, 3 * clean.std(), clean.shape)
    noisy = ParticleStack.of_images(
        Images(clean + noise), PIXEL_A, rotations=stack.rotations,
        shifts_yx_A=stack.shifts_yx_A, ctf=stack.ctf,
    )  # fmt: skip
    z = model.table.mean[2]
    raw = view_particle(model, noisy, 2, z)
    filtered = view_particle(model, noisy, 2, z, resolution_A=25)
    assert filtered.correlation > raw.correlation + 0.1
