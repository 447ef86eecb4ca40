"""Are these two half maps fit to be denoised, and to be judged by?

What cannot go on ends in an error; what makes the verdict worth less is a finding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.maps.verdict import Finding
from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real
from napari_cryoai.physics.fsc import check_same_box, fsc
from napari_cryoai.physics.lattice import is_mirror, named, turned, ways
from napari_cryoai.physics.radial import power_spectrum, weighted
from napari_cryoai.physics.sharpening import guinier

LEAST_PX = 24
"""A smaller box has too few shells to tell anything."""

_BLOCK_PX = 8
_EMPTY = 1e-3
"""Variance of the noise, relative to where there is most of it, that a mask leaves."""
_MASKED = 0.02
_CLIFF = 50.0
_CLIFF_SHELLS = 3
"""Fall of the noise's power over so many shells that no reconstruction has."""
_SAME = 0.9999
_SOLVENT = 0.1
_COARSE_PX, _COARSE_A = 64, 10.0
_OTHERWISE = 0.3
_SHARP_A2, _LOW_A = 0.0, 7.0
_RISE = 1000.0
"""Of the power of the noise from 15 A to near Nyquist."""
_INDEPENDENT = 0.5


def check_input(half1: Tensor, half2: Tensor) -> None:
    """Refuse what cannot be denoised.

    Raises
    ------
    CryoAIError
        If the boxes differ or are smaller than `LEAST_PX`, a value is not finite, or a map is
        constant.
    """
    check_same_box(half1, half2)
    if min(half1.shape) < LEAST_PX:
        sides = " x ".join(str(n) for n in reversed(half1.shape))
        raise CryoAIError(
            f"the box of {sides} voxels is too small to tell signal from noise",
            remedy=f"Give half maps of at least {LEAST_PX} voxels a side, as they come from the "
            "reconstruction",
        )
    for number, half in enumerate((half1, half2), 1):
        if float(half.max()) == float(half.min()):
            raise CryoAIError(
                f"half map {number} is the same value everywhere",
                remedy="Give the half maps as they come from the reconstruction",
            )


def input_findings(
    half1: Tensor, half2: Tensor, pixel_size_A: float, mask: Tensor, resolution_A: float
) -> Iterator[Finding]:
    """What there is to say about two half maps before any denoiser.

    Parameters
    ----------
    half1, half2, mask
        `(nz, ny, nx)`; the mask from 0 to 1.
    resolution_A
        Of the halves.
    """
    curve = fsc(half1, half2)
    if bool((curve[1:] > _SAME).all()):
        yield Finding(
            "same half twice",
            "fail",
            "Both half maps are the same map: nothing can be verified. Give the two halves of one "
            "reconstruction.",
        )
        return
    yield _orientation(half1, half2, pixel_size_A)
    yield _masking(half1, half2)
    yield _filtering(half1, half2, pixel_size_A)
    yield _independence(half1, half2, pixel_size_A, mask, curve)
    yield _sharpness(half1, half2, pixel_size_A, mask, resolution_A)


def _masking(half1: Tensor, half2: Tensor) -> Finding:
    """Noise is missing in part of the box, or there are exact zeros."""
    noise = (half1 - half2).square()
    blocks = torch.nn.functional.avg_pool3d(noise[None, None], _BLOCK_PX).flatten()
    share = float((blocks < _EMPTY * torch.quantile(blocks[:1_000_000], 0.95)).float().mean())
    zeros = float(((half1 == 0) & (half2 == 0)).float().mean())
    if max(share, zeros) < _MASKED:
        return Finding("masking", "ok", "The half maps have their noise in the whole box.")
    return Finding(
        "masking",
        "caution",
        f"The half maps are masked ({max(share, zeros):.0%} of the box is empty): the FSC is too "
        "good, and density outside is lost. Give the unmasked halves.",
    )


def _filtering(half1: Tensor, half2: Tensor, pixel_size_A: float) -> Finding:
    """The noise ends at some frequency before Nyquist."""
    noise = power_spectrum(half1 - half2).clamp(min=1e-300)
    n = max(half1.shape)
    # Below, noise may have any spectrum; above, reconstructions end by themselves.
    first, last = n // 8, int(0.45 * n)
    falls = noise[first:last] / noise[first + _CLIFF_SHELLS : last + _CLIFF_SHELLS]
    steepest = int(falls.argmax())
    if float(falls[steepest]) < _CLIFF:
        return Finding("filtering", "ok", "The half maps are not low-passed.")
    at_A = n * pixel_size_A / (first + steepest + 1)
    return Finding(
        "filtering",
        "caution",
        f"The half maps are low-passed at about {at_A:.1f} A: what lies beyond is lost. Give the "
        "halves as they come from the reconstruction.",
    )


def _independence(
    half1: Tensor, half2: Tensor, pixel_size_A: float, mask: Tensor, curve: Tensor
) -> Finding:
    """Solvent must not correlate: it has nothing but noise."""
    n = max(half1.shape)
    outside = 1 - mask
    if float(outside.mean()) > 0.05:
        solvent = fsc(half1 * outside, half2 * outside)
        # At lower frequency detergent and disordered parts have something in common.
        first = min(max(4, round(n * pixel_size_A / 6.0)), n // 3)
        shared = float(solvent[first : int(0.45 * n)].mean())
        if shared > _SOLVENT:
            return Finding(
                "independence",
                "fail",
                f"The half maps share noise (solvent correlates to {shared:.2f}): they are not "
                "independent, and every FSC of them is too good.",
            )
    if float(curve[int(0.45 * n) :].mean()) > _INDEPENDENT:
        return Finding(
            "independence",
            "caution",
            "The FSC does not fall before Nyquist: the voxels are too large for the resolution, or "
            "the halves are not independent.",
        )
    return Finding("independence", "ok", "The noise of the half maps is independent.")


def _sharpness(
    half1: Tensor, half2: Tensor, pixel_size_A: float, mask: Tensor, resolution_A: float
) -> Finding:
    """Amplitudes that rise with frequency, of the signal or of the noise."""
    b_factor_A2 = _b_factor(half1, half2, pixel_size_A, mask, resolution_A)
    noise = power_spectrum(half1 - half2)
    n = max(half1.shape)
    low = min(max(2, round(n * pixel_size_A / 15)), n // 4)
    rise = float(noise[int(0.35 * n) : int(0.45 * n)].mean() / noise[low].clamp(min=1e-300))
    if rise < _RISE and (b_factor_A2 is None or b_factor_A2 > _SHARP_A2):
        known = "" if b_factor_A2 is None else f" (B factor {b_factor_A2:.0f} A^2)"
        return Finding("sharpening", "ok", f"The half maps do not look sharpened{known}.")
    return Finding(
        "sharpening",
        "caution",
        "The half maps look sharpened: their noise is strong where their signal is weak. Give the "
        "halves as they come from the reconstruction.",
    )


def _b_factor(
    half1: Tensor, half2: Tensor, pixel_size_A: float, mask: Tensor, resolution_A: float
) -> float | None:
    """Of the signal; None where the resolution is too low to tell."""
    if not math.isfinite(resolution_A) or resolution_A > _LOW_A:
        return None
    curve = fsc(half1 * mask, half2 * mask)
    try:
        found = guinier((half1 + half2) / 2 * mask, pixel_size_A, to_A=resolution_A, fsc=curve)
    except CryoAIError:
        return None
    return found.b_factor_A2


def _orientation(half1: Tensor, half2: Tensor, pixel_size_A: float) -> Finding:
    """Does half 2 fit better mirrored, turned or with other axes?"""
    one, two = (_coarse(half, pixel_size_A) for half in (half1, half2))
    as_it_is = _correlation(one, two)
    others = {turn: _correlation(one, turned(two, turn)) for turn in ways()[1:]}
    turn, best = max(others.items(), key=lambda item: item[1])
    if best < as_it_is + _OTHERWISE:
        return Finding(
            "hand",
            "ok",
            "Both half maps have the same hand and the same axes; whether it is the right hand no "
            "half map can tell.",
        )
    how = "the mirror image of half map 1" if is_mirror(turn) else "turned against half map 1"
    return Finding(
        "hand",
        "fail",
        f"Half map 2 is {how}, or has other axes: as {named(turn)} it fits better ({best:.2f} "
        f"instead of {as_it_is:.2f}).",
    )


def _coarse(half: Tensor, pixel_size_A: float) -> Tensor:
    """All shells up to 10 A with the same weight, on an odd grid, which turns about its centre."""
    small = [min(n, _COARSE_PX) - 1 + min(n, _COARSE_PX) % 2 for n in half.shape]
    coarse = to_real(resize_fourier(to_fourier(half, 3), half.shape, small), small)
    power = power_spectrum(coarse)
    k = torch.arange(power.numel() + 1)
    highest = max(half.shape) * pixel_size_A / _COARSE_A
    even = torch.cat([power, power[-1:]]).clamp(min=1e-30).rsqrt() * ((k > 0) & (k <= highest))
    return weighted(coarse, even)


def _correlation(a: Tensor, b: Tensor) -> float:
    if a.shape != b.shape:
        return -1.0
    return float((a * b).sum() / ((a * a).sum() * (b * b).sum()).sqrt().clamp(min=1e-30))
