"""From the specimen to the recorded image: weak phase object, CTF, envelopes, noise."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import fft

from napari_cryoai.physics import fourier
from napari_cryoai.physics.simulators.dirt import Canvas, Dirt
from napari_cryoai.physics.simulators.micrograph_model import MicrographModel
from napari_cryoai.physics.simulators.pseudo_atoms import Particle, project, random_rotations

Floats = NDArray[np.float32]


def weight_for_snr(model: MicrographModel, particle: Particle) -> float:
    """Mass of a particle that gives the wanted SNR, from 24 views of it alone."""
    box = fft.next_fast_len(int(2.5 * model.diameter_A / model.pixel_size_A), real=True)
    one, centre = np.ones(1), np.full((1, 2), box / 2 * model.pixel_size_A)
    gy, gx = frequencies((box, box), model.pixel_size_A)
    transfer = _transfer(model, gy, gx) * _blur(particle, gy, gx)
    y, x = np.ogrid[:box, :box]
    circle = np.hypot(y - box / 2, x - box / 2) * model.pixel_size_A < model.diameter_A / 2
    views = random_rotations(24, np.random.default_rng(model.structure_seed))
    power = 0.0
    for rotation in views[:, None]:
        view = project(particle, centre, rotation, one, (box, box), model.pixel_size_A)
        contrast = fft.irfft2(fft.rfft2(view) * transfer, s=view.shape)
        power += float(np.mean(contrast[circle] ** 2)) / len(views)
    return float(np.sqrt(model.snr / power) * model.noise_sigma)


def record(
    model: MicrographModel,
    canvas: Canvas,
    particle: Particle,
    particles: Floats,
    dirt: Dirt,
    rng: np.random.Generator,
    imaged: Floats | None = None,
) -> Floats:
    """From the specimen to the image of the whole canvas.

    Parameters
    ----------
    particle, particles
        What pseudo-atoms are like, and their mass per pixel.
    imaged
        What other particles add to the image, CTF and envelopes applied.
    """
    shape = canvas.shape
    gy, gx = frequencies(shape, model.pixel_size_A)
    transfer = _transfer(model, gy, gx)
    texture = rng.standard_normal(shape, np.float32)
    texture *= np.float32(model.solvent * model.noise_sigma) * (1 + dirt.roughness)
    spectrum = fft.rfft2(particles)
    spectrum *= _blur(particle, gy, gx)
    spectrum += fft.rfft2(texture + dirt.phase)
    spectrum *= transfer
    if imaged is not None:
        spectrum += fft.rfft2(imaged)
    transmitted = np.exp(-dirt.absorbance) * _ramp(canvas, model.ice_gradient, rng)
    noise = rng.standard_normal(shape, np.float32)
    # The intensity multiplies all in the end, but counting noise goes with its square root.
    noise *= np.float32(model.noise_sigma) / np.sqrt(transmitted)
    spectrum += fft.rfft2(noise) * _noise_colour(model, gy, gx)
    spectrum[0, 0] = np.prod(shape)
    image = fft.irfft2(spectrum, s=shape)
    image *= transmitted
    return _band_pass(model, image, gy, gx)


def frequencies(shape: tuple[int, int], pixel_size_A: float) -> tuple[Floats, Floats]:
    """Frequencies of `rfft2`, in 1/A: `(ny, 1)` and `(1, nx // 2 + 1)`."""
    gy, gx = fourier.frequencies(shape, pixel_size_A)
    return gy.numpy(), gx.numpy()


def _transfer(model: MicrographModel, gy: Floats, gx: Floats) -> Floats:
    """CTF, envelope and drift (along x plus y) of what the specimen scatters."""
    drift = np.sinc(np.float32(model.drift_A / np.sqrt(2)) * (gy + gx))
    envelope = np.exp(np.float32(-model.b_factor_A2 / 4) * (gy * gy + gx * gx))
    ctf: Floats = model.ctf.at(torch.from_numpy(gy), torch.from_numpy(gx)).numpy()
    transfer: Floats = ctf * envelope * drift
    return transfer


def _blur(particle: Particle, gy: Floats, gx: Floats) -> Floats:
    """The Gaussian of the pseudo-atoms."""
    wide = np.float32(-2 * (np.pi * particle.sigma_A) ** 2)
    blur: Floats = np.exp(wide * gy * gy) * np.exp(wide * gx * gx)
    return blur


def _noise_colour(model: MicrographModel, gy: Floats, gx: Floats) -> Floats:
    """Amplitude of the noise: flat, a rise towards low frequency, a fall of 10 % at Nyquist."""
    g2 = gy * gy + gx * gx
    g2[0, 0] = 1.0
    nyquist = 0.5 / model.pixel_size_A
    colour: Floats = np.sqrt(1 + np.float32(model.low_frequency_A**-2) / g2)
    colour *= np.exp(np.float32(np.log(0.9) / nyquist**2) * g2)
    return colour


def _ramp(canvas: Canvas, gradient: float, rng: np.random.Generator) -> Floats:
    """Ice that gets thicker across the micrograph, in a random direction, and curves a little."""
    angle, bend = 2 * np.pi * rng.random(), rng.uniform(-1, 1)
    y = np.linspace(-0.5, 0.5, canvas.shape[0], dtype=np.float32)[:, None]
    x = np.linspace(-0.5, 0.5, canvas.shape[1], dtype=np.float32)[None, :]
    slope = np.float32(np.sin(angle)) * y + np.float32(np.cos(angle)) * x
    thicker = slope + np.float32(bend) * (x * x + y * y)
    ramp: Floats = np.exp(np.float32(-gradient) * thicker)
    return ramp


def _band_pass(model: MicrographModel, image: Floats, gy: Floats, gx: Floats) -> Floats:
    """What a filter applied afterwards leaves; the mean stays."""
    if not (model.low_pass_A or model.high_pass_A):
        return image
    g2 = gy * gy + gx * gx
    passed = np.exp(np.float32(-(model.low_pass_A**2) / 2) * g2)
    if model.high_pass_A:
        passed *= 1 - np.exp(np.float32(-(model.high_pass_A**2) / 2) * g2)
        passed[0, 0] = 1.0
    filtered: Floats = fft.irfft2(fft.rfft2(image) * passed, s=image.shape)
    return filtered
