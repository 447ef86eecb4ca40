"""Particle images, shifted, weighted by their CTF and inserted where they were seen from."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.physics.backprojection import SliceSum
from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.masks import sphere
from napari_cryoai.physics.slices import disk

INNER, OUTER = 0.85, 0.99


def accumulate(total: SliceSum, stack: ParticleStack, rows: NDArray[np.intp]) -> None:
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
    """
    particles = stack.select(rows)
    device = total.weights.device
    circle = disk(total.n, device)
    images = torch.from_numpy(particles.images.read(np.arange(len(rows)))).to(device)
    _check_contrast(images, particles)
    values = circle.gather(to_fourier(windowed(images)))
    values *= centring(particles, circle.xy)
    contrast, weights = _transfer(particles, circle.xy)
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


def windowed(images: Tensor) -> Tensor:
    """Images `(m, n, n)` with a background of mean 0 that fades out towards the border.

    What lies beyond the particle is noise, and fills the corners of the map with noise. The radii
    are those that cryoSPARC and cryoDRGN take, as fractions of half the box.
    """
    n = images.shape[-1]
    window = sphere((n, n), INNER * n / 2, (OUTER - INNER) * n / 2, device=images.device)
    rim = (window < 1) & (window > 0)
    level = images[:, rim].mean(1) if rim.any() else images.mean((1, 2))
    return (images - level[:, None, None]) * window


def centring(particles: ParticleStack, xy: Tensor) -> Tensor:
    """Factors `(m, k)` that move each particle to the centre of its box, at frequencies `(k, 2)`.

    Frequencies are in units of 1 / (n * pixel size), as `disk` has them.
    """
    box_A = particles.box_size_px * particles.pixel_size_A[:, None]
    shifts = torch.from_numpy((particles.shifts_yx_A / box_A)[:, ::-1].copy()).to(xy)
    angle = 2 * torch.pi * (shifts @ xy.T)
    return torch.polar(torch.ones_like(angle), angle)


def _transfer(particles: ParticleStack, xy: Tensor) -> tuple[Tensor, Tensor]:
    """What to multiply transforms by, and their weights; both `(m, k)`."""
    ctf = particles.require_ctf()
    frequencies = xy / (particles.box_size_px * particles.require_pixel_size())
    function = CTF.of_particles(ctf, xy.device)
    values = -function.at(frequencies[None, :, 1], frequencies[None, :, 0])[:, 0]
    weights = values * values
    contrast = values
    if ctf.phase_flipped.any():
        flipped = torch.from_numpy(ctf.phase_flipped).to(xy.device)[:, None]
        contrast = torch.where(flipped, values.abs(), contrast)
    if ctf.premultiplied.any():
        done = torch.from_numpy(ctf.premultiplied).to(xy.device)[:, None]
        contrast = torch.where(done, 1.0, contrast)
    return contrast, weights
