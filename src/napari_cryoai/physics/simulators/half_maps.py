"""Half maps the short way: a structure's potential and coloured noise, no particle involved.

Back-projection of very many images gives a half map that is the truth plus Gaussian noise, whose
variance at a frequency is the images' noise over what they have seen there: it depends on the
frequency's length through the CTFs, and on its direction through the views. Signal and noise in a
shell tell the FSC of the halves (Rosenthal and Henderson 2003, J. Mol. Biol. 333, 721),

    FSC = SSNR / (1 + SSNR)

so a wanted FSC curve gives the noise. `reconstructed_halves` does it the long way.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.structure import Structure
from napari_cryoai.physics.fourier import frequencies, squared_frequency, to_fourier, to_real
from napari_cryoai.physics.masks import mask_of_model
from napari_cryoai.physics.potential import ICE_V, map_of
from napari_cryoai.physics.radial import at_radius, radius, shell_means
from napari_cryoai.physics.simulators.decoys import (
    belt,
    duplex,
    glycan,
    on_surface,
    with_b_field,
    with_moving_side_chains,
)
from napari_cryoai.physics.simulators.distributions import Distribution

SOLVENT, PROTEIN, NUCLEIC, GLYCAN, DETERGENT = range(5)
"""What voxels are labelled as."""

LEAST_SEEN = 0.02
"""Directions seen less than this, relative to the average, fade away: the missing cone."""


@dataclass(frozen=True)
class HalfMapModel:
    """What is drawn for a pair of half maps; lengths in Angstrom.

    Attributes
    ----------
    resolution_A
        Where the FSC of the halves in the mask falls to 0.143.
    ssnr
        Signal over noise, in power, in the mask at low frequency; it falls from there to 1 / 6 at
        the resolution, as a Gaussian. The B-factor of that fall belongs to the halves as they come
        from a reconstruction: what exceeds the residues' own blurs the signal, not the noise.
    b_factor_A2
        Median over the residues.
    b_spread
        Standard deviation of the logarithm of the residues' B-factors: local resolution.
    side_chain_A2
        B-factor that side chains gain for each A from CA.
    acids
        Occupancy of carboxyl groups, which the beam takes first.
    sharpening_A2
        B-factor applied to the halves afterwards, positive for sharper.
    preferred_fraction, preferred_spread_deg
        Share of particles seen along one random axis, and their tilt.
    membrane, nucleic, glycans
        Probability of a detergent belt and of a double helix, and number of glycans.
    masked
        Probability that the halves are multiplied by a soft mask.
    """

    resolution_A: Distribution = field(default=Distribution("uniform", 2.2, 5.0))
    ssnr: Distribution = field(default=Distribution("log-uniform", 30, 3000))
    b_factor_A2: Distribution = field(default=Distribution("log-normal", 50, 0.4))
    b_spread: Distribution = field(default=Distribution("uniform", 0.1, 0.7))
    side_chain_A2: Distribution = field(default=Distribution("constant", 0))
    acids: Distribution = field(default=Distribution("constant", 1))
    sharpening_A2: Distribution = field(default=Distribution("constant", 0))
    preferred_fraction: Distribution = field(default=Distribution("uniform", 0, 0.7))
    preferred_spread_deg: Distribution = field(default=Distribution("uniform", 10, 35))
    membrane: float = 0.25
    nucleic: float = 0.25
    glycans: Distribution = field(default=Distribution("exponential", 1))
    masked: float = 0.2


@dataclass(frozen=True, eq=False)
class SimulatedHalfMaps:
    """Two half maps and the truth; maps are `(n, n, n)` tensors in V.

    Attributes
    ----------
    half1, half2
        With independent noise.
    truth
        What they have in common, without noise, blurred and sharpened as they are.
    density
        The same as it is, neither blurred nor sharpened.
    mask
        Soft, around all that is not solvent.
    labels
        uint8, one of `SOLVENT`, `PROTEIN`, `NUCLEIC`, `GLYCAN`, `DETERGENT`.
    structure
        The protein with the B-factors it was given, in the frame of the box centre.
    company
        Atoms of what was put beside it, by their label: nucleic acids and glycans.
    fsc
        `(n // 2 + 1,)` that was asked for, in the mask.
    resolution_A
        Where that is 0.143.
    """

    half1: Tensor
    half2: Tensor
    truth: Tensor
    density: Tensor
    mask: Tensor
    labels: Tensor
    structure: Structure
    company: dict[int, list[Structure]]
    fsc: Tensor
    resolution_A: float


def simulate_half_maps(
    structure: Structure, model: HalfMapModel, n: int, pixel_size_A: float, seed: int
) -> SimulatedHalfMaps:
    """Simulate a pair of half maps of a structure; the same seed gives the same maps."""
    rng = np.random.default_rng(seed)

    def one(distribution: Distribution) -> float:
        return float(distribution.draw(1, rng)[0])

    scene = draw_scene(structure, model, n, pixel_size_A, rng)
    moving = scene.structure
    resolution_A = max(one(model.resolution_A), 2.02 * pixel_size_A)
    fall_A2 = 2 * resolution_A**2 * math.log(6 * one(model.ssnr))
    fsc = fsc_curve(n, pixel_size_A, resolution_A, fall_A2)
    seen = seen_directions(
        n, one(model.preferred_fraction), one(model.preferred_spread_deg), _direction(rng)
    )
    g2 = squared_frequency((n, n, n), pixel_size_A)
    envelope_A2 = max(0.0, fall_A2 - float(np.median(moving.b_factors_A2)))
    envelope = torch.exp(-envelope_A2 / 4 * g2) * _within_nyquist((n, n, n))
    imaged = _filtered(scene.density, envelope)
    halves = [
        noisy_half(imaged, scene.mask, fsc, seen, int(rng.integers(1 << 62))) for _ in range(2)
    ]
    sharper = torch.exp(one(model.sharpening_A2) / 4 * g2)
    first, second, truth = (_filtered(volume, sharper) for volume in (*halves, imaged))
    if rng.random() < model.masked:
        first, second = first * scene.mask, second * scene.mask
    return SimulatedHalfMaps(
        half1=first,
        half2=second,
        truth=truth,
        density=scene.density,
        mask=scene.mask,
        labels=scene.labels,
        structure=moving,
        company=scene.company,
        fsc=fsc,
        resolution_A=resolution_A,
    )


def fsc_curve(n: int, pixel_size_A: float, resolution_A: float, b_factor_A2: float) -> Tensor:
    """FSC `(n // 2 + 1,)` that is 0.143 at the resolution, of an SSNR that falls as a Gaussian."""
    g = torch.arange(n // 2 + 1, dtype=torch.float64) / (n * pixel_size_A)
    ssnr = torch.exp(b_factor_A2 / 2 * (1 / resolution_A**2 - g**2)) / 6
    return ssnr / (1 + ssnr)


def seen_directions(
    n: int, preferred_fraction: float, spread_deg: float, axis: NDArray[np.float64]
) -> Tensor:
    """How often each frequency of an `rfftn` is seen, relative to the average in its shell.

    A view along `axis` shows the directions across it.
    """
    gz, gy, gx = frequencies((n, n, n))
    length = (gz * gz + gy * gy + gx * gx).sqrt().clamp(min=1e-9)
    sine = (gx * float(axis[0]) + gy * float(axis[1]) + gz * float(axis[2])) / length
    latitude = np.linspace(-np.pi / 2, np.pi / 2, 721)
    width = np.radians(max(spread_deg, 1.0))
    profile = np.exp(-(latitude**2) / (2 * width**2))
    mean = float((profile * np.cos(latitude)).sum() / np.cos(latitude).sum())
    preferred = torch.exp(-(torch.asin(sine.clamp(-1, 1)) ** 2) / (2 * width**2)) / mean
    return (1 - preferred_fraction) + preferred_fraction * preferred


def noisy_half(density: Tensor, mask: Tensor, fsc: Tensor, seen: Tensor, seed: int) -> Tensor:
    """A half map of a density: noise as the FSC in the mask wants it, views as they were seen.

    As in every reconstruction, nothing lies beyond the Nyquist frequency in any direction.

    Parameters
    ----------
    density, mask
        `(n, n, n)`; all signal lies in the mask.
    fsc
        `(n // 2 + 1,)`.
    seen
        `(n, n, n // 2 + 1)`, see `seen_directions`.
    """
    shape = tuple(density.shape)
    kept = seen / (seen + LEAST_SEEN) * _within_nyquist(shape)
    damped = kept / seen.clamp(min=1e-6).sqrt()
    transform = to_fourier(density, 3) * kept
    power = shell_means(transform.abs().square(), shape)
    correlation = fsc.to(power).clamp(1e-4, 0.99999)
    # Noise fills the whole box, signal the mask alone.
    noise = power * (1 - correlation) / correlation / mask.square().mean()
    noise = noise / shell_means(damped.square(), shape).clamp(min=1e-6)
    generator = torch.Generator(density.device).manual_seed(seed)
    white = torch.randn(shape, generator=generator, device=density.device)
    shaped = to_fourier(white, 3) * at_radius(noise.float(), radius(shape)).sqrt()
    shaped = shaped / float(np.prod(shape)) ** 0.5
    return to_real(transform + shaped * damped, shape)


@dataclass(frozen=True, eq=False)
class Scene:
    """All that has density, and where; maps are `(n, n, n)`.

    Attributes
    ----------
    density, mask, labels, structure, company
        As those of `SimulatedHalfMaps`.
    """

    density: Tensor
    mask: Tensor
    labels: Tensor
    structure: Structure
    company: dict[int, list[Structure]]


def draw_scene(
    structure: Structure,
    model: HalfMapModel,
    n: int,
    pixel_size_A: float,
    rng: np.random.Generator,
) -> Scene:
    """Give the structure its motion and its company."""

    def one(distribution: Distribution) -> float:
        return float(distribution.draw(1, rng)[0])

    structure = with_b_field(structure.centred(), rng, one(model.b_factor_A2), one(model.b_spread))
    structure = with_moving_side_chains(structure, one(model.side_chain_A2), one(model.acids))
    n_glycans = round(one(model.glycans))
    parts = [(PROTEIN, structure.select(~structure.is_nucleic()))]
    parts.append((NUCLEIC, structure.select(structure.is_nucleic())))
    own = len(parts)
    if rng.random() < model.nucleic:
        helix = duplex(int(rng.integers(8, 24)), float(rng.uniform(60, 250)))
        parts.append((NUCLEIC, on_surface(helix, structure, rng, upright=False)))
    for _ in range(n_glycans):
        tree = glycan(rng, int(rng.integers(2, 9)), float(rng.uniform(80, 300)))
        parts.append((GLYCAN, on_surface(tree, structure, rng, upright=True)))
    density = torch.zeros(n, n, n)
    labels = torch.zeros(n, n, n, dtype=torch.uint8)
    mask = torch.zeros(n, n, n)
    if rng.random() < model.membrane:
        detergent = belt(structure, _direction(rng), n, pixel_size_A)
        density += detergent
        mask = _soft(detergent > 0.15)
        labels[detergent > 0.15] = DETERGENT
    for label, atoms in reversed(parts):
        inside = atoms.select(np.abs(atoms.xyz_A).max(1) < (n // 2 - 2) * pixel_size_A)
        if len(inside):
            density += map_of(inside, n, pixel_size_A, solvent_V=ICE_V)
            near = _near(inside, n, pixel_size_A)
            labels[near > 0.5] = label
            mask = torch.maximum(mask, near)
    company: dict[int, list[Structure]] = {}
    for label, atoms in parts[own:]:
        company.setdefault(label, []).append(atoms)
    return Scene(density, mask, labels, structure, company)


def _near(structure: Structure, n: int, pixel_size_A: float) -> Tensor:
    zyx = torch.as_tensor(structure.xyz_A[:, ::-1].copy()) + n // 2 * pixel_size_A
    return mask_of_model(zyx, (n, n, n), pixel_size_A, radius_A=3.0, edge_A=6.0)


def _soft(inside: Tensor) -> Tensor:
    """1 where it is, and a fall over two voxels around."""
    wide = torch.nn.functional.avg_pool3d(inside[None, None].float(), 5, 1, 2)[0, 0]
    return (2 * wide).clamp(max=1.0)


def _filtered(volume: Tensor, factor: Tensor) -> Tensor:
    return to_real(to_fourier(volume, 3) * factor, tuple(volume.shape))


def _within_nyquist(shape: Sequence[int]) -> Tensor:
    return (radius(shape) < shape[0] / 2).float()


def _direction(rng: np.random.Generator) -> NDArray[np.float64]:
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)
