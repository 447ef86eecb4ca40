"""Half maps the long way: simulated particles, back-projected with their true poses."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.physics.fourier import shift_phases, to_fourier
from napari_cryoai.physics.simulators.particle_images import BATCH, ParticleSimulator
from napari_cryoai.physics.simulators.particle_model import ParticleTruth
from napari_cryoai.physics.slices import disk


def reconstructed_halves(
    simulator: ParticleSimulator, truth: ParticleTruth
) -> tuple[Tensor, Tensor]:
    """Least-squares maps of every other particle, neither filtered nor masked.

    Returns
    -------
    half1, half2
        `(n, n, n)`, in the units of the map that was projected.
    """
    n = simulator.conformers.n
    sums = [SliceSum(n, device=simulator.device) for _ in range(2)]
    for number, images in enumerate(simulator.images(truth)):
        part = truth.select(slice(number * BATCH, number * BATCH + len(images)))
        for half, total in enumerate(sums):
            # Batches are even: a row is of the same half in its batch as in the whole.
            rows = slice(half, None, 2)
            _insert(total, simulator, part.select(rows), images[rows])
    return sums[0].map(), sums[1].map()


def _insert(
    total: SliceSum, simulator: ParticleSimulator, truth: ParticleTruth, images: Tensor
) -> None:
    if not len(truth):
        return
    circle = disk(simulator.conformers.n, simulator.device)
    strength = torch.as_tensor(truth.snr, dtype=torch.float32, device=simulator.device).sqrt()
    contrast = -simulator.transfer(truth) * (strength * simulator.scale)[:, None, None]
    shifts = torch.as_tensor(-truth.shifts_yx_A, dtype=torch.float32, device=simulator.device)
    moved = to_fourier(images) * shift_phases(
        shifts, simulator.shape, simulator.conformers.pixel_size_A
    )
    rotations = torch.as_tensor(truth.rotations, dtype=torch.float32, device=simulator.device)
    weights = circle.gather(contrast)
    total.insert(circle.gather(moved) * weights, weights * weights, rotations)
