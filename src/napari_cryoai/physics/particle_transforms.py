"""What is done to particle images and their transforms before they meet a map.

The transform of an image of a particle is `-CTF * slice`: density is dark where the CTF is
negative, and bright in images and maps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cryoai.core.particle_stack import ParticleStack
from napari_cryoai.physics.ctf import CTF
from napari_cryoai.physics.masks import sphere

INNER, OUTER = 0.85, 0.99


def windowed(images: Tensor) -> Tensor:
    """Images `(m, n, n)` with a background of mean 0 that fades out towards the border.

    What lies beyond the particle is noise, and fills the corners of the map with noise. The radii
    are those that cryoSPARC and cryoDRGN take, as fractions of half the box.
    """
    window = image_window(images.shape[-1], images.device)
    rim = (window < 1) & (window > 0)
    level = images[:, rim].mean(1) if rim.any() else images.mean((1, 2))
    return (images - level[:, None, None]) * window


def image_window(n: int, device: torch.device) -> Tensor:
    """Disc `(n, n)` that `windowed` multiplies images by."""
    return sphere((n, n), INNER * n / 2, (OUTER - INNER) * n / 2, device=device)


def centring(particles: ParticleStack, xy: Tensor) -> Tensor:
    """Factors `(m, k)` that move each particle to the centre of its box, at frequencies `(k, 2)`.

    Frequencies are in units of 1 / (n * pixel size), as `disk` has them.
    """
    box_A = particles.box_size_px * particles.pixel_size_A[:, None]
    shifts = torch.from_numpy((particles.shifts_yx_A / box_A)[:, ::-1].copy()).to(xy)
    angle = 2 * torch.pi * (shifts @ xy.T)
    return torch.polar(torch.ones_like(angle), angle)


def transfer(particles: ParticleStack, xy: Tensor) -> tuple[Tensor, Tensor]:
    """How images carry their CTF, for the least-squares map of them.

    Parameters
    ----------
    particles
        With a CTF, and one pixel size.
    xy
        `(k, 2)` frequencies, in units of 1 / (n * pixel size).

    Returns
    -------
    contrast
        `(m, k)`, what transforms are multiplied by: `-CTF`, and what is left of that where phases
        were flipped or the CTF was applied before.
    weights
        `(m, k)`, the square of the CTF, by whose sum the sum of these products is divided.
    """
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
