"""Fourier shell correlation of two maps, masked or not, and the resolution it speaks for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.fourier import to_fourier, to_real
from napari_cryoai.physics.radial import radius, shell_sums

HALF_MAPS = 0.143
"""Threshold for two half maps (Rosenthal and Henderson 2003, J. Mol. Biol. 333, 721)."""
MAP_TO_MODEL = 0.5
"""Threshold for a map against a noise-free one: a model, or the truth of a simulation."""
_RANDOMISE_BELOW, _BEYOND = 0.8, 2


@dataclass(frozen=True)
class FscCurve:
    """Correlation in each shell.

    Attributes
    ----------
    values
        `(n // 2 + 1,)` from the mean to Nyquist.
    box_size_px
        Longest side of the box, `n`.
    pixel_size_A
        Of the maps.
    """

    values: Tensor
    box_size_px: int
    pixel_size_A: float

    @property
    def frequencies(self) -> Tensor:
        """Of the shells, in 1/A."""
        return torch.arange(self.values.numel()) / (self.box_size_px * self.pixel_size_A)

    def resolution_A(self, threshold: float = HALF_MAPS) -> float:
        """Where the curve first falls below the threshold; see `resolution_at`."""
        return resolution_at(self.values, self.pixel_size_A, threshold, self.box_size_px)


@dataclass(frozen=True)
class HalfMapFsc:
    """FSC of two half maps: as they are, in a mask, and freed of what the mask itself correlates.

    Attributes
    ----------
    unmasked
        Of the maps as they are.
    masked
        Of the maps in the mask, if there is one.
    randomised
        Of the masked maps whose phases were randomised before: what the mask alone brings.
    corrected
        `(masked - randomised) / (1 - randomised)` where phases were random, else `masked`.
    randomised_from
        First shell with random phases.
    """

    unmasked: FscCurve
    masked: FscCurve | None = None
    randomised: FscCurve | None = None
    corrected: FscCurve | None = None
    randomised_from: int | None = None

    @property
    def best(self) -> FscCurve:
        """The curve to report: corrected where there is a mask."""
        return self.corrected or self.unmasked

    def curves(self) -> dict[str, FscCurve]:
        """Those that there are, by name."""
        named = {name: getattr(self, name) for name in ("unmasked", "masked", "randomised")}
        named["corrected"] = self.corrected
        return {name: curve for name, curve in named.items() if curve is not None}

    def rows(self) -> Iterator[tuple[str, ...]]:
        """A table as text: header, then one row for each shell."""
        curves = self.curves()
        yield ("shell", "frequency_per_A", "resolution_A", *curves)
        for shell, g in enumerate(self.unmasked.frequencies.tolist()):
            values = (f"{float(curve.values[shell]):.6f}" for curve in curves.values())
            yield (str(shell), f"{g:.6f}", f"{1 / g:.3f}" if g else "inf", *values)


def fsc(a: Tensor, b: Tensor) -> Tensor:
    """Fourier shell correlation (Harauz and van Heel 1986, Optik 73, 146).

        FSC(k) = sum Re(A conj(B)) / sqrt(sum |A|^2 sum |B|^2)    over the frequencies of shell k

    Parameters
    ----------
    a, b
        `(..., nz, ny, nx)` maps on the same grid; for shells as everybody counts them, cubic.

    Returns
    -------
    correlation
        `(..., n // 2 + 1)` float64, `n` being the longest side; 0 where a map has no power.
        Differentiable.

    Raises
    ------
    CryoAIError
        If the boxes differ, or a value is not finite.
    """
    check_same_box(a, b)
    return _correlation(to_fourier(a, 3), to_fourier(b, 3), a.shape[-3:])


def masked_fsc(a: Tensor, b: Tensor, mask: Tensor) -> Tensor:
    """FSC of two maps inside a soft mask `(nz, ny, nx)`; of a map and a model too."""
    check_same_box(a, mask)
    return fsc(a * mask, b * mask)


def half_map_fsc(
    half1: Tensor, half2: Tensor, pixel_size_A: float, mask: Tensor | None = None, *, seed: int = 0
) -> HalfMapFsc:
    """All FSC curves of two half maps, with the correction for the mask's own correlations.

    Phases are randomised from the shell on where the unmasked FSC falls below 0.8; the correction
    holds from two shells beyond (Chen et al. 2013, Ultramicroscopy 135, 24; the choices are those
    of RELION).

    Parameters
    ----------
    half1, half2
        `(n, n, n)` each.
    mask
        `(n, n, n)` from 0 to 1, soft.
    seed
        Of the random phases.

    Returns
    -------
    curves
        Only `unmasked` without a mask; without a correction (`corrected` is `masked`) if the
        unmasked FSC never falls below 0.8.
    """
    n = max(half1.shape)

    def curve(values: Tensor) -> FscCurve:
        return FscCurve(values, n, pixel_size_A)

    unmasked = fsc(half1, half2)
    if mask is None:
        return HalfMapFsc(curve(unmasked))
    masked = masked_fsc(half1, half2, mask)
    low = torch.nonzero(unmasked[1:] < _RANDOMISE_BELOW)
    if not low.numel():
        return HalfMapFsc(curve(unmasked), curve(masked), None, curve(masked))
    first = int(low[0]) + 1
    one, two = (randomise_phases(h, first, seed=2 * seed + i) for i, h in enumerate((half1, half2)))
    random = masked_fsc(one, two, mask)
    corrected = masked.clone()
    beyond = slice(first + _BEYOND, None)
    corrected[beyond] = (masked[beyond] - random[beyond]) / (1 - random[beyond]).clamp(min=1e-6)
    return HalfMapFsc(curve(unmasked), curve(masked), curve(random), curve(corrected), first)


def randomise_phases(map_: Tensor, first_shell: int, *, seed: int = 0) -> Tensor:
    """The map with random phases, and its own amplitudes, from a shell on.

    Parameters
    ----------
    map_
        `(nz, ny, nx)`.
    first_shell
        The first that is randomised.
    seed
        Same seed, same phases, on every device.
    """
    generator = torch.Generator().manual_seed(seed)
    # The phases of real noise have the symmetry that the transform of a real map must have.
    noise = torch.randn(map_.shape, generator=generator, dtype=map_.dtype).to(map_.device)
    transform, random = to_fourier(map_, 3), to_fourier(noise, 3)
    turned = transform.abs() * random / random.abs().clamp(min=1e-20)
    beyond = radius(map_.shape, device=map_.device) >= first_shell - 0.5
    return to_real(torch.where(beyond, turned, transform), map_.shape)


def resolution_at(
    curve: Tensor, pixel_size_A: float, threshold: float = HALF_MAPS, box: int | None = None
) -> float:
    """Resolution at which a curve first falls below a threshold, linear between shells.

    Parameters
    ----------
    curve
        `(n // 2 + 1,)` from the mean on.
    box
        Longest side of the maps in pixels, needed if it is odd.

    Returns
    -------
    resolution_A
        That of the last shell (Nyquist) if the curve stays above the threshold to the end;
        infinite if the first shell already lies below it.
    """
    n = box or 2 * (curve.numel() - 1)
    values = curve.detach().cpu().tolist()
    last = len(values) - 1
    below = next((k for k in range(1, last + 1) if not values[k] >= threshold), None)
    if below is None:
        return n * pixel_size_A / last
    if below == 1:
        return math.inf
    high, low = values[below - 1], values[below]
    return n * pixel_size_A / (below - 1 + (high - threshold) / (high - low))


def _correlation(a: Tensor, b: Tensor, shape: torch.Size) -> Tensor:
    cross = shell_sums(a.real * b.real + a.imag * b.imag, shape)
    powers = [shell_sums(t.real**2 + t.imag**2, shape) for t in (a, b)]
    product = powers[0] * powers[1]
    return torch.where(product > 0, cross / product.clamp(min=1e-300).sqrt(), 0.0)


def check_same_box(a: Tensor, b: Tensor) -> None:
    """Refuse maps of different boxes, and values that are not finite."""
    if a.shape[-3:] != b.shape[-3:] or a.ndim < 3:
        one, two = (" x ".join(str(n) for n in t.shape[-3:]) for t in (a, b))
        raise CryoAIError(
            f"the boxes of the maps differ: {one} and {two} voxels",
            remedy="Give maps on the same grid, resampled to the same box if need be",
        )
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        raise CryoAIError(
            "a map holds values that are not finite (NaN or infinite)",
            remedy="Make the map again, or replace these values",
        )
