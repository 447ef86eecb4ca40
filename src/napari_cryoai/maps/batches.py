"""Batches of half maps to learn from: crops of scenes with noise, standardised as any map is."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.maps.evidence import Evidence, trusted
from napari_cryoai.maps.standard import PIXEL_A, fsc_bins, standardise, wanted
from napari_cryoai.maps.training_scenes import TrainingScene
from napari_cryoai.nets.octahedral import ORDER, turned
from napari_cryoai.nets.scenes import Pool
from napari_cryoai.physics.fourier import to_fourier, to_real
from napari_cryoai.physics.radial import at_radius
from napari_cryoai.physics.simulators.half_maps import LEAST_SEEN, seen_directions

CROP_PX, RIM_PX = 48, 8
"""What is shown; and around it, for filters to fade in, what is cut off again."""

SHELLS = 64
SPACING = 1 / (SHELLS * 2 * PIXEL_A)
"""Of the curves, in 1/A: they end at the Nyquist frequency."""

COARSE = 0.25
"""Share of the half maps that resolve less than `MIDDLE_A`."""
FINEST_A, MIDDLE_A, COARSEST_A = 2.4, 6.0, 14.0

MASKED = 0.2
"""Share of the half maps that come multiplied by a mask."""

WIDEST_MASK = 2.2
"""Volume of the mask that the curves were measured in, over that of the molecule, at most."""


class Batch(NamedTuple):
    """Half maps and what they should become.

    Attributes
    ----------
    density, contrast, target
        `(b, d, h, w)`.
    fsc_bins
        `(b, BINS)`.
    """

    density: Tensor
    contrast: Tensor
    target: Tensor
    fsc_bins: Tensor

    def to(self, device: torch.device) -> Batch:
        """On another device."""
        return Batch(*(t.to(device, non_blocking=True) for t in self))


AnyScenes = Pool[TrainingScene]


def make_batch(scenes: AnyScenes, size: int, seed: tuple[int, ...]) -> Batch:
    """Draw scenes and what was seen of them; the same seed gives the same batch."""
    rng = np.random.default_rng(seed)
    drawn = [_example(scenes[int(i)], rng) for i in rng.integers(len(scenes), size=size)]
    return Batch(*map(torch.stack, zip(*drawn, strict=True)))


def _example(scene: TrainingScene, rng: np.random.Generator) -> tuple[Tensor, ...]:
    known = _drawn(scene.signal, rng)
    density, mask = _crop(scene, CROP_PX + 2 * RIM_PX, rng)
    blur = torch.exp(-float(rng.uniform(0, 200)) / 4 * _G**2)
    blurred = _blurred(density, known, blur)
    half = to_real(_seen(blurred, known, blur, rng), density.shape)
    if rng.random() < MASKED:
        half = half * mask
    known = _measured(known, blur, float(rng.uniform(1, WIDEST_MASK)))
    seen = standardise(half, known, PIXEL_A, half.shape)
    target = wanted(to_real(blurred, density.shape), known, PIXEL_A)
    inner = (slice(RIM_PX, -RIM_PX),) * 3
    return seen.density[inner], seen.contrast[inner], target[inner], fsc_bins(known)


def _drawn(signal: NDArray[np.float32], rng: np.random.Generator) -> Evidence:
    """Half maps of a resolution, whose SSNR falls as a Gaussian; see `HalfMapModel`."""
    fine = rng.random() > COARSE
    low, high = (FINEST_A, MIDDLE_A) if fine else (MIDDLE_A, COARSEST_A)
    resolution_A = math.exp(rng.uniform(math.log(low), math.log(high)))
    highest = math.exp(rng.uniform(math.log(30), math.log(3000)))
    fall_A2 = 2 * resolution_A**2 * math.log(6 * highest)
    ssnr = torch.exp(fall_A2 / 2 * (1 / resolution_A**2 - _G**2)) / 6
    ratio = 2 * (len(signal) - 1) * PIXEL_A * SPACING
    power = at_radius(torch.from_numpy(signal), ratio * torch.arange(SHELLS + 1.0)).square()
    noise = power / ssnr.clamp(min=1e-4)
    return Evidence(ssnr / (1 + ssnr), power.sqrt(), noise.sqrt(), SPACING)


def _measured(known: Evidence, blur: Tensor, wider: float) -> Evidence:
    """What a mask of so many times the volume would show of the blurred map."""
    power = known.signal.square() / wider
    fsc = trusted((power / (power + known.noise.square())).double())
    signal = power.sqrt() * blur * (fsc > 0)
    return Evidence(fsc.float(), signal, known.noise * blur, known.spacing)


def _blurred(density: Tensor, known: Evidence, blur: Tensor) -> Tensor:
    return to_fourier(density, 3) * known.on(blur, density.shape, PIXEL_A)


def _seen(signal: Tensor, known: Evidence, blur: Tensor, rng: np.random.Generator) -> Tensor:
    """Transform of a half map: views as they were seen, noise as the curves want it."""
    shape = (2 * (signal.shape[-1] - 1),) * 3
    axis = rng.normal(size=3)
    axis /= np.linalg.norm(axis)
    often = seen_directions(shape[0], rng.uniform(0, 0.7), rng.uniform(10, 35), axis)
    kept = often / (often + LEAST_SEEN)
    white = torch.from_numpy(rng.standard_normal(shape, np.float32))
    noise = known.on(known.noise * blur, shape, PIXEL_A) / PIXEL_A**1.5
    return signal * kept + to_fourier(white, 3) * noise * kept / often.clamp(min=1e-6).sqrt()


def _crop(scene: TrainingScene, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A cube that holds some of the molecule, in any of the 24 orientations of the lattice."""
    n = len(scene.density)
    start = rng.integers(-side // 3, n - side + side // 3 + 1, 3)
    parts = [slice(max(0, s), max(0, min(n, s + side))) for s in start]
    to = [slice(p.start - s, p.stop - s) for p, s in zip(parts, start.tolist(), strict=True)]
    rotation = int(rng.integers(ORDER))
    found = []
    for values, scale in ((scene.density, 1.0), (scene.mask, 1 / 255)):
        cube = torch.zeros(side, side, side)
        cube[tuple(to)] = torch.from_numpy(values[tuple(parts)].astype(np.float32)) * scale
        found.append(turned(cube, rotation))
    return found[0], found[1]


_G = torch.arange(SHELLS + 1) * SPACING
