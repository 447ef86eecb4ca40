"""What two half maps know: signal, noise and their ratio, shell by shell, inside a mask.

Networks see no map as it is. Its transform is brought to one standard, so that neither grey values,
nor pixel size, B-factor or sharpening of a map make a difference to them:

    x = F^-1 [ half * FSC * standard / sqrt(S) ]

with `S` the signal's power and the FSC that of the halves in the mask, which is the Wiener weight
of one of them (Rosenthal and Henderson 2003, J. Mol. Biol. 333, 721). `standard` is the amplitude
that a protein's signal has on average. The way back, `sqrt(S) / standard`, gives what a network
answers the amplitudes that the data have, and nothing beyond their resolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.maps.spectra import fsc_in_mask
from napari_cryoai.physics.fourier import squared_frequency, to_fourier
from napari_cryoai.physics.radial import at_radius, shell_means

TRUSTED = 0.02
"""FSC below which a shell, and all beyond, is left out: spectral trailing, as Blush has it, which
cuts at 1/7. What lies between comes with little weight, and with the peaks that Q-scores need."""

EDGE = 2.0
"""Shells that the cut-off takes."""

EMPTY = 1e-7
"""Of the power in the molecule: a solvent with less is none."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Curves over shells `spacing` apart.

    Attributes
    ----------
    fsc
        `(k,)` in the mask, corrected for it, from 0 to 1; 0 from where it is not to be trusted on.
    signal, noise
        `(k,)` square roots of the spectral densities of one half map inside the mask, in units of
        grey value times A^1.5: no grid changes them. Noise of standard deviation 1 from voxel to
        voxel has `pixel_size_A ** 1.5` everywhere.
    spacing
        Of the shells, in 1/A.
    """

    fsc: Tensor
    signal: Tensor
    noise: Tensor
    spacing: float

    @property
    def last(self) -> int:
        """The last shell to be trusted."""
        return last_of(self.fsc)

    @property
    def resolution_A(self) -> float:
        """Of that shell."""
        return 1 / (max(self.last, 1) * self.spacing)

    def trailing(self) -> Tensor:
        """See `trailing`."""
        return trailing(self.fsc)

    def on(self, curve: Tensor, shape: Sequence[int], pixel_size_A: float) -> Tensor:
        """A curve over these shells at the frequencies of the `rfftn` of a map.

        Nothing is left beyond the map's Nyquist frequency in any direction.
        """
        g = squared_frequency(shape, pixel_size_A, device=curve.device).sqrt()
        found = at_radius(curve.float(), g / self.spacing)
        return found * (g * pixel_size_A <= 0.5)


def evidence(half1: Tensor, half2: Tensor, pixel_size_A: float, mask: Tensor) -> Evidence:
    """Compare two half maps.

    Parameters
    ----------
    half1, half2, mask
        `(nz, ny, nx)`; the mask from 0 to 1, soft.
    """
    fsc = fsc_in_mask(half1, half2, mask)
    inside = mask.square().sum().double() / pixel_size_A**3
    transforms = [to_fourier(half * mask, 3) for half in (half1, half2)]
    power = sum(_power(t, half1.shape) for t in transforms) / 2 / inside
    noise = _power(transforms[0] - transforms[1], half1.shape) / 2 / inside
    kept = trusted(fsc.to(power))
    signal = smooth(power) * kept
    return Evidence(
        fsc=kept,
        signal=signal.clamp(min=0).sqrt(),
        noise=smooth(noise).sqrt(),
        spacing=1 / (max(half1.shape) * pixel_size_A),
    )


def evidence_of_one(map_: Tensor, pixel_size_A: float, mask: Tensor) -> Evidence:
    """What a single map tells: its solvent is taken for the noise that the molecule has too.

    Raises
    ------
    CryoAIError
        If the map is masked: there is no solvent to learn the noise from.
    """
    outside = 1 - mask
    inner, outer = (w.square().sum().double() / pixel_size_A**3 for w in (mask, outside))
    power, noise = (
        _power(to_fourier(map_ * w, 3), map_.shape) / volume
        for w, volume in ((mask, inner), (outside, outer))
    )
    k = torch.arange(noise.numel())
    if float(noise[k > noise.numel() // 4].sum()) < EMPTY * float(power[k > 4].sum()):
        raise CryoAIError(
            "the map is masked, and its noise cannot be told without half maps",
            remedy="Give the two half maps, or the map as it was before masking",
        )
    share = (1 - smooth(noise) / smooth(power).clamp(min=1e-30)).clamp(0, 1)
    kept = trusted(share)
    return Evidence(
        fsc=kept,
        signal=(smooth(power) * kept).sqrt(),
        noise=smooth(noise).sqrt(),
        spacing=1 / (max(map_.shape) * pixel_size_A),
    )


def trusted(fsc: Tensor) -> Tensor:
    """The curve up to where it first stays below the limit; it is 1 at the mean."""
    even = smooth(fsc.clamp(0, 1))
    kept = torch.cumprod((even >= TRUSTED).to(even), 0)
    kept[0] = 1.0
    found = even.clamp(0, 0.9999) * kept
    found[0] = 0.9999
    return found


def last_of(kept: Tensor) -> int:
    """The last shell of a curve that `trusted` gave which is not 0."""
    return int(torch.nonzero(kept > 0).max()) if bool((kept > 0).any()) else 0


def trailing(kept: Tensor) -> Tensor:
    """`(k,)` 1 up to the last shell to be trusted, and from there a cosine edge."""
    k = torch.arange(kept.numel(), dtype=kept.dtype, device=kept.device)
    part = ((k - last_of(kept)) / EDGE).clamp(0, 1)
    return (1 + torch.cos(torch.pi * part)) / 2


def smooth(curve: Tensor) -> Tensor:
    """Mean over three shells, but for the first two and the last."""
    found = curve.clone()
    found[2:-1] = (curve[1:-2] + 2 * curve[2:-1] + curve[3:]) / 4
    return found


def _power(transform: Tensor, shape: Sequence[int]) -> Tensor:
    return shell_means(transform.real.square() + transform.imag.square(), shape)
