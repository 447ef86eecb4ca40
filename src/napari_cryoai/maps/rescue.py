"""Density that a denoiser took away although both raw halves show it, brought back.

What was removed from a half is `w * raw - denoised`, with the Wiener weight `w` of its shells.
Noise that was removed has nothing to do with the other half; a ligand that was removed is in it
too. So the removed part of one half is correlated with the raw other half in windows of a few
resolution lengths. What pure noise brings of it is measured on halves whose phases have been
randomised, and what exceeds that comes back, to each half from its own data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool3d

from napari_cryoai.maps.denoised import Denoised
from napari_cryoai.maps.evidence import trailing, trusted
from napari_cryoai.maps.spectra import fsc_inside, spectral_ratio
from napari_cryoai.maps.windows import Windows, local_covariance
from napari_cryoai.physics.fsc import HALF_MAPS, check_same_box, randomise_phases, resolution_at
from napari_cryoai.physics.radial import weighted
from napari_cryoai.physics.sharpening import fsc_weight

WINDOW = 1.0
"""Standard deviation of the window, in resolution lengths: a sphere 2.2 of them in radius."""
SURE = 1.5
"""How far above the highest value that noise gives everything comes back."""
LARGEST_A = 15.0
"""Of the windows' resolution: what is searched for are ligands."""


@dataclass(frozen=True, eq=False)
class Rescued:
    """What came back.

    Attributes
    ----------
    denoised
        The halves with it.
    returned
        `(nz, ny, nx)` density that came back to their mean.
    weight
        Like it, from 0 to 1: how much of what was removed came back.
    fraction
        Energy of what came back over that of the map.
    """

    denoised: Denoised
    returned: Tensor
    weight: Tensor
    fraction: float


def rescue(
    denoised: Denoised,
    half1: Tensor,
    half2: Tensor,
    pixel_size_A: float,
    *,
    mask: Tensor | None = None,
    seed: int = 0,
) -> Rescued:
    """Bring back what both raw halves show and the denoised ones do not.

    Parameters
    ----------
    denoised
        Of these halves.
    half1, half2
        `(nz, ny, nx)` raw.
    mask
        In which the FSC tells the weight of the shells; an automatic one if there is none.
    seed
        Of the random phases.

    Raises
    ------
    CryoAIError
        If the boxes differ, or a value is not finite.
    """
    check_same_box(half1, half2)
    check_same_box(half1, denoised.half1)
    fsc = fsc_inside(half1, half2, pixel_size_A, mask)
    resolution_A = resolution_at(fsc, pixel_size_A, HALF_MAPS, max(half1.shape))
    windows = local_windows(half1.shape, pixel_size_A, resolution_A)
    if windows is None:
        return Rescued(denoised, torch.zeros_like(half1), torch.zeros_like(half1), 0.0)
    curve = fsc_weight(fsc) ** 2
    raw = [weighted(half, curve) for half in (half1, half2)]
    ratio = spectral_ratio(raw, (denoised.half1, denoised.half2), windows)
    raw = [weighted(half, ratio) for half in raw]
    removed = [raw[0] - denoised.half1, raw[1] - denoised.half2]
    weight = windows.field(_weights(removed, raw, windows, seed))
    # Multiplying by a weight carries over shells: nothing may come to lie beyond the resolution.
    within = trailing(trusted(fsc))
    back = [weighted(r * weight, within) for r in removed]
    halves = Denoised(denoised.half1 + back[0], denoised.half2 + back[1], denoised.confidence)
    returned = (back[0] + back[1]) / 2
    energy = (halves.full - halves.full.mean()).square().sum()
    fraction = float(returned.square().sum() / energy.clamp(min=1e-38))
    return Rescued(halves, returned, weight, fraction)


def local_windows(shape: Sequence[int], pixel_size_A: float, resolution_A: float) -> Windows | None:
    """Windows as large as what is searched for; None where there is no resolution."""
    if not math.isfinite(resolution_A):
        return None
    return Windows(shape, pixel_size_A, WINDOW * min(resolution_A, LARGEST_A))


def _weights(
    removed: Sequence[Tensor], raw: Sequence[Tensor], windows: Windows, seed: int
) -> Tensor:
    """How much of what was removed comes back: `points`, from 0 to 1."""
    difference = (raw[0] - raw[1]) / math.sqrt(2)
    noise = windows.mean(difference.square())
    covariance, c = _coherence(removed[0], removed[1], noise, windows)
    chance = 0.0
    for i in (0, 1):
        stray = randomise_phases(difference, 1, seed=2 * seed + i)
        chance = max(chance, float(_coherence(removed[i], stray, noise, windows)[1].max()))
    certain = ((c / max(chance, 1e-6) - 1) / (SURE - 1)).clamp(0, 1)
    # What the denoiser itself invented is missing from it too, but is not in the other half.
    # About the mean of the whole map: inside a molecule windows may have no contrast of their own.
    others = [raw[1 - i] - raw[1 - i].mean() for i in (0, 1)]
    in_data = windows.mean(removed[0] * others[0] + removed[1] * others[1]) / 2
    real = (2 * in_data / covariance.clamp(min=1e-38) - 0.5).clamp(0, 1)
    # Of what is certain, as much as brings the mean of the halves nearest to the truth.
    weights = certain * real * 2 * c / (1 + c)
    # The density of what is found reaches a point further.
    return max_pool3d(weights[None], 3, 1, 1)[0]


def _coherence(a: Tensor, b: Tensor, noise: Tensor, windows: Windows) -> tuple[Tensor, Tensor]:
    """Covariance, and correlation from 0 to 1, small where both are weaker than the noise."""
    covariance = local_covariance(a, b, windows).clamp(min=0)
    power = (local_covariance(a, a, windows) * local_covariance(b, b, windows)).clamp(min=0).sqrt()
    weakest = (covariance + noise).clamp(min=1e-38)
    return covariance, covariance / torch.maximum(power, weakest)
