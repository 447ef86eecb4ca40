"""A small set of particles of which one part moves to and fro, with its truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.physics.simulators.conformers import Conformers
from napari_cryoai.physics.simulators.distributions import Distribution
from napari_cryoai.physics.simulators.particle_images import ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleModel, ParticleTruth

N, PIXEL_A, STATES, COUNT = 24, 5.0, 9, 800


@dataclass(frozen=True)
class ArrayImages:
    """Images in memory."""

    values: np.ndarray

    @property
    def box_size_px(self) -> int:
        return self.values.shape[-1]

    def __len__(self) -> int:
        return len(self.values)

    def read(self, indices):
        return self.values[indices].copy()

    def take(self, indices):
        return ArrayImages(self.values[indices])

    def names(self) -> Sequence[str] | None:
        return [f"{i + 1:06d}@memory.mrcs" for i in range(len(self.values))]


@dataclass(frozen=True)
class ParticleSet:
    """Particles and what is true of them."""

    stack: ParticleStack
    truth: ParticleTruth
    maps: torch.Tensor


def ball(centre, width: float) -> torch.Tensor:
    axis = torch.arange(N) - N // 2
    grid = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).float()
    return torch.exp(-(grid - torch.tensor(centre)).square().sum(-1) / (2 * width**2))


def body() -> torch.Tensor:
    places = ([0.0, 0.0, 0.0], [3.0, -2.0, 1.0], [-3.0, 1.0, 2.0], [1.0, 3.0, -3.0])
    return sum((ball(c, 1.6) for c in places), torch.zeros(N, N, N))


def simulated(maps: Sequence[torch.Tensor], snr: float, count: int = COUNT) -> ParticleSet:
    found = Conformers.of_maps(maps, PIXEL_A)
    conformers = Conformers(found.map, np.linspace(0, 1, len(maps)), N, PIXEL_A, found.diameter_A)
    model = ParticleModel(
        snr=Distribution("constant", snr),
        neighbours=0.0,
        contrast=Distribution("log-normal", 1, 0.05),
        b_factor_A2=Distribution("constant", 0),
    )
    simulator = ParticleSimulator(model, conformers, seed=4)
    truth = simulator.truth(count)
    images = torch.cat(list(simulator.images(truth))).numpy().astype(np.float32)
    stack = ParticleStack.of_images(
        ArrayImages(images),
        PIXEL_A,
        shifts_yx_A=truth.shifts_yx_A,
        rotations=truth.rotations,
        ctf=truth.ctf(model),
    )
    return ParticleSet(stack, truth, torch.stack(list(maps)))


@pytest.fixture(scope="session")
def moving() -> ParticleSet:
    """A body with an arm that moves by 40 A."""
    steps = np.linspace(-4, 4, STATES)
    maps = [body() + 1.5 * ball([5.0, float(s), 3.0], 1.8) for s in steps]
    return simulated(maps, 0.5)


@pytest.fixture(scope="session")
def rigid() -> ParticleSet:
    """The same body, alone."""
    return simulated([body() + 1.5 * ball([5.0, 0.0, 3.0], 1.8)], 0.5)


@pytest.fixture
def with_nan(moving: ParticleSet) -> ParticleStack:
    """The moving set with a pixel that is not a number in image 8."""
    images = moving.stack.images
    values = images.read(np.arange(len(images)))
    values[7, 3, 3] = np.nan
    return replace(moving.stack, images=ArrayImages(values))
