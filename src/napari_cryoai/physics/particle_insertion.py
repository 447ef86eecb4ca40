"""Particle images, shifted, weighted by their CTF and inserted where they were seen from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.particle_transforms import centring, transfer, windowed
from napari_cryoai.physics.slices import disk


def insert_particles(
    total: SliceSum,
    stack: ParticleStack,
    rows: NDArray[np.intp],
    strength: NDArray[np.float64] | None = None,
) -> None:
    """Add particles to a sum of slices.

    An image `X` of a particle with the CTF `C` counts as `-C X` with the weight `C^2`: the sum of
    the first over the sum of the second is the least-squares map (Grigorieff 1998, J. Mol. Biol.
    277, 1033). The sign is there because density is dark where `C` is negative, and bright in maps.

    Parameters
    ----------
    total
        Of the box size of the stack.
    stack
        With poses and CTF.
    rows
        Which particles; as many as fit into memory.
    strength
        `(m,)` how much each of them counts; all the same if not given.
    """
    particles = stack.select(rows)
    device = total.weights.device
    circle = disk(total.n, device)
    images = torch.from_numpy(particles.images.read(np.arange(len(rows)))).to(device)
    _check_contrast(images, particles)
    values = circle.gather(to_fourier(windowed(images)))
    values *= centring(particles, circle.xy)
    contrast, weights = transfer(particles, circle.xy)
    if strength is not None:
        factor = torch.from_numpy(strength).to(device, torch.float32)[:, None]
        contrast, weights = contrast * factor, weights * factor
    rotations = torch.from_numpy(particles.require_rotations()).to(device, torch.float32)
    total.insert(values * contrast, weights, rotations)


def _check_contrast(images: Tensor, particles: ParticleStack) -> None:
    """Refuse a batch of nothing, as in a stack that was copied in part: room without values."""
    if (images.amax((1, 2)) > images.amin((1, 2))).any():
        return
    names = particles.images.names() or [""]
    raise CryoAIError(
        f"{len(images):,} images have the same value everywhere ('{names[0]}' to '{names[-1]}')",
        remedy="Copy the stack again, it may not be whole, or leave these particles out",
    )
