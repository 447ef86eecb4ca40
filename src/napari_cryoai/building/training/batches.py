"""Batches to learn from: crops of scenes as they would be seen, and what is there."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.building.tracing.standard import standardise
from napari_cryoai.building.training.scenes import SIDE_PX, TrainingScene
from napari_cryoai.nets.octahedral import ORDER, matrices, turned
from napari_cryoai.nets.scenes import Pool
from napari_cryoai.physics.fourier import squared_frequency, to_fourier, to_real
from napari_cryoai.physics.radial import at_radius, radius, shell_means
from napari_cryoai.physics.simulators.half_maps import LEAST_SEEN, seen_directions

CROP_PX, RIM_PX = 48, 8
"""What is shown; and around it, for filters to fade in, what is cut off again."""

VIEW_PX = CROP_PX + 2 * RIM_PX

FINEST_A, COARSEST_A = 2.3, 5.0
"""Resolution: where the FSC of the half maps is 0.143."""

SHARPER_A2, BLUNTER_A2 = 50.0, 130.0
"""B-factors that maps were sharpened or blurred with, beyond the motion of the atoms."""

WEIGHTED, CUT = 0.6, 0.3
"""Share of the maps that are weighted by the FSC; and of those cut off at the resolution. The rest
goes a little beyond it."""

MASKED = 0.4
"""Share of the maps that come multiplied by a mask."""

PREFERRED = 0.4
"""Share of the maps with a preferred orientation."""

DECOY = 0.15
"""Share of the crops around what is not protein, where there is any."""


class Batch(NamedTuple):
    """Crops of maps and what is there.

    Attributes
    ----------
    seen
        `(b, 2, d, h, w)`, see `standardise`.
    heat
        `(b, 4, d, h, w)`, 0 to 1: N, CA, C, and the backbone.
    direction
        `(b, 3, d, h, w)`, the way (z, y, x) from N to C; zero far from the backbone.
    secondary
        `(b, d, h, w)` long: 0 far from any CA, or 1 + the place in `SECONDARY`.
    other
        `(b, d, h, w)`, 1 in nucleic acid, sugar or detergent.
    """

    seen: Tensor
    heat: Tensor
    direction: Tensor
    secondary: Tensor
    other: Tensor

    def to(self, device: torch.device) -> Batch:
        """On another device."""
        return Batch(*(t.to(device, non_blocking=True) for t in self))


AnyScenes = Pool[TrainingScene]


def make_batch(scenes: AnyScenes, size: int, seed: tuple[int, ...]) -> Batch:
    """Draw scenes and how they were seen; the same seed gives the same batch."""
    rng = np.random.default_rng(seed)
    drawn = [_example(scenes[int(i)], rng) for i in rng.integers(len(scenes), size=size)]
    return Batch(*map(torch.stack, zip(*drawn, strict=True)))


@dataclass(frozen=True, eq=False)
class View:
    """A crop of a scene as it was seen.

    Attributes
    ----------
    start
        First voxel of the crop in the scene, before it was turned.
    rotation
        Of the 24 of the lattice, about the middle of the crop.
    seen
        `(2, n, n, n)`, see `standardise`, with a rim of `RIM_PX` on all sides.
    """

    start: NDArray[np.intp]
    rotation: int
    seen: Tensor


def view(scene: TrainingScene, rng: np.random.Generator) -> View:
    """Draw a crop, its orientation, and how it was seen."""
    start = _place(scene, rng)
    rotation = int(rng.integers(ORDER))
    density, mask = (
        turned(torch.from_numpy(_cut(values, start, VIEW_PX)).float(), rotation)
        for values in (scene.density, scene.mask)
    )
    seen = standardise(as_seen(density, mask / 255, rng))
    # The scale of a whole map is not known to a crop of it, nor where its zero lies.
    seen[0] = seen[0] * math.exp(rng.normal(0, 0.2)) + rng.normal(0, 0.05)
    return View(start, rotation, seen)


def _example(scene: TrainingScene, rng: np.random.Generator) -> tuple[Tensor, ...]:
    shown = view(scene, rng)
    heat, direction, secondary, other = (
        turned(torch.from_numpy(_cut(values, shown.start + RIM_PX, CROP_PX)), shown.rotation)
        for values in (scene.heat, scene.direction, scene.secondary, scene.other)
    )
    turn = matrices()[shown.rotation].float()
    way = torch.einsum("ij,j...->i...", turn, direction.float() / 127)
    seen = shown.seen[(..., *(slice(RIM_PX, -RIM_PX),) * 3)]
    return seen, heat.float() / 255, way, secondary.long(), other.float()


def _place(scene: TrainingScene, rng: np.random.Generator) -> NDArray[np.intp]:
    """First voxel of a crop around a residue or a decoy."""
    centre = np.full(3, SIDE_PX / 2)
    decoys = np.argwhere(scene.other) if rng.random() < DECOY else np.empty((0, 3))
    residues = scene.backbone_A[:, 1, ::-1] + SIDE_PX // 2
    places = decoys if len(decoys) else residues
    if len(places):
        centre = places[int(rng.integers(len(places)))]
    start = centre + rng.uniform(-20, 20, 3) - VIEW_PX / 2
    return np.clip(np.round(start), 0, SIDE_PX - VIEW_PX).astype(np.intp)


def _cut(values: NDArray[np.generic], start: NDArray[np.intp], side: int) -> NDArray[np.generic]:
    """A cube of the last three axes, as numbers that torch knows."""
    z, y, x = (slice(int(s), int(s) + side) for s in start)
    part = values[..., z, y, x]
    return part.astype(np.uint8) if part.dtype == np.bool_ else np.ascontiguousarray(part)


def as_seen(density: Tensor, mask: Tensor, rng: np.random.Generator) -> Tensor:
    """A map `(n, n, n)` at 1 A of a noise-free density: what noise, filters and masks leave of it.

    The full map has the noise of two half maps whose FSC falls to 0.143 at the resolution, as
    `HalfMapModel` has it.
    """
    shape = tuple(density.shape)
    g2 = squared_frequency(shape)
    resolution_A = math.exp(rng.uniform(math.log(FINEST_A), math.log(COARSEST_A)))
    highest = math.exp(rng.uniform(math.log(30), math.log(3000)))
    fall_A2 = 2 * resolution_A**2 * math.log(6 * highest)
    ssnr = torch.exp(fall_A2 / 2 * (1 / resolution_A**2 - g2)) / 3
    transform = to_fourier(density, 3)
    power = shell_means(transform.abs().square(), shape) / mask.square().mean().clamp(min=0.02)
    white = to_fourier(torch.from_numpy(rng.standard_normal(shape, np.float32)), 3)
    spread = at_radius(power.float() / density.numel(), radius(shape)).clamp(min=0).sqrt()
    noise = white * spread / ssnr.clamp(min=1e-3).sqrt()
    if rng.random() < PREFERRED:
        often = seen_directions(shape[0], rng.uniform(0.2, 0.8), rng.uniform(10, 35), _axis(rng))
        kept = often / (often + LEAST_SEEN)
        transform, noise = transform * kept, noise * kept / often.clamp(min=1e-6).sqrt()
    weight = torch.exp(rng.uniform(-BLUNTER_A2, SHARPER_A2) / 4 * g2)
    found = to_real((transform + noise) * weight * _filter(g2, ssnr, resolution_A, rng), shape)
    return found * mask if rng.random() < MASKED else found


def _filter(g2: Tensor, ssnr: Tensor, resolution_A: float, rng: np.random.Generator) -> Tensor:
    kind = rng.random()
    if kind < WEIGHTED:
        return (ssnr / (1 + ssnr)).sqrt() * _below(g2, 0.85 * resolution_A)
    return _below(g2, resolution_A if kind < WEIGHTED + CUT else 0.85 * resolution_A)


def _below(g2: Tensor, resolution_A: float) -> Tensor:
    """1 up to the resolution, with a soft edge."""
    return torch.sigmoid((1 / resolution_A - g2.sqrt()) * resolution_A / 0.03)


def _axis(rng: np.random.Generator) -> NDArray[np.float64]:
    axis = rng.normal(size=3)
    return axis / np.linalg.norm(axis)
