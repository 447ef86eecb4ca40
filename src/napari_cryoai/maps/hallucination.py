"""What denoised halves share beyond what the data show, shell by shell and place by place.

Each denoised half has errors that come from its own noise, and some that it has in common with the
other: those of the prior. With `C` the correlation of a denoised half with the truth,

    FSC(denoised 1, raw 2) = C sqrt(FSC(raw 1, raw 2))

because the noise of raw half 2 has nothing to do with denoised half 1. Were all errors of its own,
the denoised halves would correlate to `C^2`. So

    FSC(denoised 1, denoised 2) - FSC(denoised, other raw)^2 / FSC(raw 1, raw 2)

is the share of their power that they have in common and not with the truth. A filter over shells
has none, nor has a denoiser that gives the truth itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.maps.windows import FAINT, Windows, local_covariance
from napari_cryoai.physics.radial import shell_sums

_LEAST = 0.05
"""FSC of the raw halves below which nothing can be said of a shell."""
_WEAKEST = 0.1
"""Common power of the raw halves that is trusted, in units of their noise's."""


@dataclass(frozen=True, eq=False)
class Hallucination:
    """In each shell, and in all that the data speak for.

    Attributes
    ----------
    excess, error
        `(n // 2 + 1,)` share of the denoised power, and its standard error; 0 beyond the shells
        that the data speak for.
    index, index_error
        Means over these shells.
    """

    excess: Tensor
    error: Tensor
    index: float
    index_error: float


def hallucination_index(
    raw: Tensor, denoised: Tensor, cross: Tensor, samples: Tensor, last: int
) -> Hallucination:
    """Compare three FSC curves.

    Parameters
    ----------
    raw, denoised, cross
        `(n // 2 + 1,)` FSC of the raw halves, of the denoised ones, and of a denoised half with
        the other raw one.
    samples
        Independent values in each shell.
    last
        Shell of the resolution.
    """
    r = raw.clamp(min=_LEAST)
    explained = cross.clamp(min=0) ** 2 / r
    # Errors of the three curves as if each had its own; they have much in common, so it is less.
    variance = (
        _variance(denoised, samples)
        + (2 * cross / r) ** 2 * _variance(cross, samples) / 2
        + (explained / r) ** 2 * _variance(raw, samples)
    )
    shells = torch.arange(raw.numel())
    known = (raw > _LEAST) & (shells >= 1) & (shells <= last)
    excess = torch.where(known, denoised - explained, 0.0)
    error = torch.where(known, variance.sqrt(), 0.0)
    count = max(1, int(known.sum()))
    index_error = float(error.square().sum().sqrt()) / count
    return Hallucination(excess, error, float(excess.sum()) / count, index_error)


def independent_samples(shape: Sequence[int], mask: Tensor | None = None) -> Tensor:
    """Values of each shell that are independent: fewer in a mask, which ties neighbours."""
    counts = shell_sums(torch.ones(*shape[:-1], shape[-1] // 2 + 1), shape)
    if mask is None:
        return counts
    squared = mask.double().square()
    fraction = float(squared.sum() ** 2 / (squared**2).sum() / squared.numel())
    return (counts * fraction).clamp(min=1)


def invented_share(
    denoised: Sequence[Tensor], raw: Sequence[Tensor], windows: Windows
) -> tuple[Tensor, float]:
    """The same around each voxel.

    Parameters
    ----------
    denoised, raw
        Two halves each, `(nz, ny, nx)`; the raw ones weighted by their FSC, with the denoised
        ones' spectrum.

    Returns
    -------
    share
        `(nz, ny, nx)` from 0 to 1, 0 where there is as good as no density.
    total
        Share of the power in the whole box.
    """
    common = local_covariance(denoised[0], denoised[1], windows).clamp(min=0)
    across = local_covariance(denoised[0], raw[1], windows) + local_covariance(
        denoised[1], raw[0], windows
    )
    known = local_covariance(raw[0], raw[1], windows)
    noise = windows.mean((raw[0] - raw[1]).square()) / 2
    explained = (across / 2).clamp(min=0) ** 2 / torch.maximum(known, _WEAKEST * noise).clamp(
        min=1e-38
    )
    invented = (common - explained).clamp(min=0)
    share = invented / (common + FAINT * common.max()).clamp(min=1e-38)
    total = float(invented.sum() / common.sum().clamp(min=1e-38))
    return windows.field(share.clamp(0, 1)), total


def _variance(curve: Tensor, samples: Tensor) -> Tensor:
    """Of a correlation of so many samples."""
    return (1 - curve.clamp(-1, 1) ** 2) ** 2 / samples.clamp(min=1)
