"""What a denoiser makes of inputs that are known: no phases, pure noise, the same map turned."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.maps.denoised import Denoised, Denoiser
from napari_cryoai.maps.spectra import SILENT, audible
from napari_cryoai.physics.fsc import fsc, randomise_phases
from napari_cryoai.physics.lattice import Turn, rotations, turned, turned_back
from napari_cryoai.physics.radial import power_spectrum, weighted

RANDOMISED_BELOW = 0.8
"""FSC below which phases are randomised. There the data still have much to say, so that a denoiser
which shows anything beyond without them has it from elsewhere; the limit is that of Chen et al.
(2013, Ultramicroscopy 135, 24)."""
NOTICED = 0.01
_BEYOND = 2


@dataclass(frozen=True, eq=False)
class Invention:
    """What comes out where nothing went in.

    Attributes
    ----------
    fsc
        `(n // 2 + 1,)` of the denoised halves.
    first_shell
        That has random phases.
    highest
        Of the FSC from two shells beyond on, as a mean over three shells.
    """

    fsc: Tensor
    first_shell: int
    highest: float


def first_randomised(fsc: Tensor) -> int | None:
    """Shell from which phases are randomised; None if the FSC never falls that far."""
    below = torch.nonzero(fsc[1:] < RANDOMISED_BELOW)
    first = int(below[0]) + 1 if below.numel() else None
    return None if first is None or first + _BEYOND + 3 > fsc.numel() else first


def phase_randomised(
    denoiser: Denoiser,
    half1: Tensor,
    half2: Tensor,
    pixel_size_A: float,
    first_shell: int,
    seed: int,
    *,
    shown: Denoised,
) -> Invention:
    """Denoise halves whose phases are random from a shell on, each half's its own.

    Shells count that have a hundredth of the power which the denoised map `shown` has there.
    """
    random = [
        randomise_phases(half, first_shell, seed=2 * seed + i)
        for i, half in enumerate((half1, half2))
    ]
    found = denoiser(random[0], random[1], pixel_size_A)
    least = torch.maximum(SILENT * power_spectrum(random[0]), NOTICED * power_spectrum(shown.half1))
    heard = audible(found.half1, found.half2, least)
    curve = fsc(found.half1, found.half2) * heard
    beyond = curve[first_shell + _BEYOND :]
    return Invention(curve, first_shell, float(beyond.unfold(0, 3, 1).mean(1).max()))


def noise_energy(
    denoiser: Denoiser,
    half1: Tensor,
    half2: Tensor,
    pixel_size_A: float,
    mask: Tensor,
    denoised: Denoised,
    seed: int,
) -> float:
    """Energy in the mask of what comes out of noise, over that of the denoised map.

    The noise is Gaussian and has the spectrum of the noise of the halves, each half its own.
    """
    spectrum = power_spectrum(half1 - half2) / 2
    # White noise of unit variance has a power of the number of voxels in each shell.
    curve = (spectrum / half1.numel()).sqrt()
    generator = torch.Generator().manual_seed(seed)
    noise = [
        weighted(torch.randn(half1.shape, generator=generator).to(half1), curve) for _ in range(2)
    ]
    found = denoiser(noise[0], noise[1], pixel_size_A)
    return _energy(found.full, mask) / max(_energy(denoised.full, mask), 1e-30)


def denoised_turned(
    denoiser: Denoiser, half1: Tensor, half2: Tensor, pixel_size_A: float, turn: Turn
) -> Tensor:
    """The denoised map of the halves turned, turned back."""
    one, two = (turned(half, turn) for half in (half1, half2))
    return turned_back(denoiser(one, two, pixel_size_A).full, turn)


def chosen_turns(count: int, seed: int) -> list[Turn]:
    """Some of them that do something, each once."""
    others = rotations()[1:]
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(others), generator=generator).tolist()
    return [others[i] for i in order[:count]]


def _energy(map_: Tensor, mask: Tensor) -> float:
    return float(((map_ - map_.mean()) * mask).double().square().sum())
