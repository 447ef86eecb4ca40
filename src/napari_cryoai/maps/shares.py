"""How much of a denoised map is taken from the data themselves, shell by shell.

Where the data are strong, filtered data are nearer to the truth than any network's answer. The
noise of the other half has nothing to do with either, so it can be asked: of a filtered half `w`,
a denoised half `u` and the raw other half `y`, all in the mask, the least squares of

    sum |y - a w - b u|^2     with a, b >= 0, over both halves and the frequencies of a shell

tell how to mix, `a / (a + b)` of one and `b / (a + b)` of the other. (Stacking: Wolpert 1992,
Neural Networks 5, 241.) What the halves learn of each other by it is one number for each shell.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_cryoai.maps.evidence import smooth
from napari_cryoai.physics.fourier import to_fourier
from napari_cryoai.physics.fsc import HALF_MAPS
from napari_cryoai.physics.radial import shell_sums, weighted

ALIKE = 1e-4
"""One minus the squared correlation of both below which they are the same."""


def data_share(
    filtered: Sequence[Tensor], denoised: Sequence[Tensor], raw: Sequence[Tensor], mask: Tensor
) -> Tensor:
    """Share `(n // 2 + 1,)` of the filtered halves that brings the mixture nearest to the truth.

    Parameters
    ----------
    filtered, denoised, raw
        Two halves `(nz, ny, nx)` each.
    mask
        `(nz, ny, nx)` around the molecule.
    """
    w, u, y = ([to_fourier(half * mask, 3) for half in pair] for pair in (filtered, denoised, raw))

    def product(one: list[Tensor], other: list[Tensor]) -> Tensor:
        both = sum((a * b.conj()).real for a, b in zip(one, other, strict=True))
        return smooth(smooth(shell_sums(torch.as_tensor(both), mask.shape)))

    across = y[::-1]
    ww, uu, wu = product(w, w), product(u, u), product(w, u)
    wy, uy = product(w, across), product(u, across)
    a, b = (uu * wy - wu * uy).clamp(min=0), (ww * uy - wu * wy).clamp(min=0)
    share = torch.where(a > 0, a / (a + b), 0.0)  # whatever the grey values' scale
    lost = product(y, across) < HALF_MAPS * product(y, y)  # where nobody can say
    share[(ww * uu - wu.square() < ALIKE * ww * uu) | (lost.cumsum(0) > 0)] = 0.0
    share[0] = 0.0
    return share.to(mask)


def with_data(
    filtered: Sequence[Tensor],
    denoised: Sequence[Tensor],
    raw: Sequence[Tensor],
    mask: Tensor,
    trailing: Tensor,
) -> tuple[Tensor, Tensor]:
    """The denoised halves; in the mask, with so much of the filtered ones as `data_share` says.

    Parameters
    ----------
    trailing
        `(n // 2 + 1,)` 1, and 0 in the shells that stay empty.
    """
    share = data_share(filtered, denoised, raw, mask)
    one, two = (
        d + weighted(mask * weighted(f - d, share), trailing)
        for f, d in zip(filtered, denoised, strict=True)
    )
    return one, two
