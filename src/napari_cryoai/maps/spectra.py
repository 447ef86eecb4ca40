"""What the spectra of raw and of denoised half maps say of each other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.maps.windows import FAINT, Windows, local_correlation
from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.fsc import masked_fsc, randomise_phases
from napari_cryoai.physics.masks import mask_of_map, sphere
from napari_cryoai.physics.radial import power_spectrum, shell_sums

MOST = 10.0
"""How much stronger or weaker than the data a denoiser's shells may be."""
LOW_PASS_A, DILATE_A, EDGE_A = 10.0, 2.0, 6.0
"""Of the automatic mask: closer to the molecule than one to look at maps with. A wide mask holds
solvent, and every shell is then thought to be noisier than it is inside the molecule."""
RANDOMISED_BELOW = 0.8
"""FSC from where on phases are random, to see what the mask alone correlates."""
SILENT = 1e-4
"""Power of a denoised shell, relative to the raw one, below which it holds nothing."""
ALIKE = 0.5
"""Local correlation of raw and denoised map from which on their strengths are compared."""


def automatic_mask(half1: Tensor, half2: Tensor, pixel_size_A: float) -> Tensor:
    """Soft mask around the density of both; the sphere in the box where there is none."""
    try:
        return mask_of_map(
            (half1 + half2) / 2,
            pixel_size_A,
            low_pass_A=LOW_PASS_A,
            dilate_A=DILATE_A,
            edge_A=EDGE_A,
        )
    except CryoAIError:
        least = min(half1.shape)
        return sphere(half1.shape, 0.42 * least, 0.08 * least, device=half1.device)


def fsc_in_mask(half1: Tensor, half2: Tensor, mask: Tensor) -> Tensor:
    """FSC in the mask, without what the mask carries from shells that agree to others.

    As RELION corrects it (Chen et al. 2013, Ultramicroscopy 135, 24), but with random phases from
    where the FSC *in the mask* falls: that is where the shells lie which a close mask carries from.
    """
    # A mask turns what the mean differs from 0 by into the mask's own shape, which correlates.
    half1, half2 = half1 - half1.mean(), half2 - half2.mean()
    masked = masked_fsc(half1, half2, mask)
    low = torch.nonzero(masked[1:] < RANDOMISED_BELOW)
    if not low.numel():
        return masked
    first = int(low[0]) + 1
    one, two = (randomise_phases(half, first, seed=i) for i, half in enumerate((half1, half2)))
    random = masked_fsc(one, two, mask)
    found = masked.clone()
    found[first:] = (masked[first:] - random[first:]) / (1 - random[first:]).clamp(min=1e-6)
    return found


def fsc_inside(
    half1: Tensor, half2: Tensor, pixel_size_A: float, mask: Tensor | None = None
) -> Tensor:
    """FSC `(n // 2 + 1,)` in a mask or the automatic one, corrected for what the mask brings."""
    if mask is None:
        mask = automatic_mask(half1, half2, pixel_size_A)
    return fsc_in_mask(half1, half2, mask)


def audible(a: Tensor, b: Tensor, least: Tensor) -> Tensor:
    """Shells `(n // 2 + 1,)` in which both maps have more power than `least`."""
    return (power_spectrum(a) > least) & (power_spectrum(b) > least)


def spectral_ratio(raw: Sequence[Tensor], denoised: Sequence[Tensor], windows: Windows) -> Tensor:
    """What brings the raw shells to the strength of the denoised ones: `(n // 2 + 1,)`.

    Sharpening neither removes nor invents. The ratio is that of powers which both halves have in
    common, where the denoised map looks like the raw one: what was removed or invented elsewhere
    does not count.
    """
    shape = raw[0].shape
    alike = local_correlation(raw[0] + raw[1], denoised[0] + denoised[1], windows, FAINT)
    where = windows.field(((alike - ALIKE) / (1 - ALIKE) * 2).clamp(0, 1))
    r, d = ([to_fourier(half * where, 3) for half in pair] for pair in (raw, denoised))
    across = shell_sums((r[0] * d[1].conj() + r[1] * d[0].conj()).real, shape)
    own = 2 * shell_sums((r[0] * r[1].conj()).real, shape)
    ratio = torch.where((own > 0) & (across > 0), across / own.clamp(min=1e-38), 1.0)
    ratio[0] = 1.0
    return ratio.clamp(1 / MOST, MOST)
