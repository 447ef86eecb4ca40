"""B factors of maps: measured in a Guinier plot, taken out, and weighted by the FSC."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.radial import power_spectrum, weighted

GUINIER_FROM_A = 10.0
"""Lower resolution is the molecule's shape and not Wilson's statistics of its atoms."""


@dataclass(frozen=True)
class Guinier:
    """The line through `ln(amplitude)` over the square of the frequency.

    Attributes
    ----------
    b_factor_A2
        Fall of the amplitudes: `exp(-B g^2 / 4)`; positive for a map that wants sharpening.
    intercept
        Of the line, at frequency 0.
    squared_frequency, log_amplitude
        `(k,)` all shells from the first on, in 1/A^2, for the plot.
    correlation
        Of the shells that were fitted, with the line.
    """

    b_factor_A2: float
    intercept: float
    squared_frequency: Tensor
    log_amplitude: Tensor
    correlation: float


def guinier(
    map_: Tensor,
    pixel_size_A: float,
    *,
    to_A: float,
    from_A: float = GUINIER_FROM_A,
    fsc: Tensor | None = None,
) -> Guinier:
    """Fit the B factor of a map (Rosenthal and Henderson 2003, J. Mol. Biol. 333, 721).

    Parameters
    ----------
    map_
        `(n, n, n)`, masked if it has a mask.
    from_A, to_A
        Between which resolutions; `to_A` is that of the map.
    fsc
        `(n // 2 + 1,)` between its half maps: their noise is then left out of the amplitudes,
        through the factor `sqrt(2 FSC / (1 + FSC))`.

    Raises
    ------
    CryoAIError
        If fewer than three shells lie in between.
    """
    n = max(map_.shape)
    amplitude = power_spectrum(map_).sqrt()
    if fsc is not None:
        amplitude = amplitude * fsc_weight(fsc).to(amplitude)
    g2 = (torch.arange(n // 2 + 1).to(amplitude) / (n * pixel_size_A)) ** 2
    used = (g2 >= 1 / from_A**2) & (g2 <= 1 / to_A**2) & (amplitude > 0)
    if int(used.sum()) < 3:
        raise CryoAIError(
            f"there are fewer than three shells between {from_A:g} and {to_A:.3g} A to fit the B "
            "factor in",
            remedy="Give a B factor, or none for a map of such a resolution",
        )
    log = amplitude.clamp(min=1e-300).log()
    x, y = g2[used] - g2[used].mean(), log[used] - log[used].mean()
    slope = float((x * y).sum() / (x * x).sum())
    correlation = float((x * y).sum() / ((x * x).sum() * (y * y).sum()).sqrt().clamp(min=1e-300))
    intercept = float(log[used].mean() - slope * g2[used].mean())
    return Guinier(-4 * slope, intercept, g2[1:], log[1:], abs(correlation))


def apply_b_factor(map_: Tensor, b_factor_A2: float, pixel_size_A: float) -> Tensor:
    """Multiply the transform by `exp(-B g^2 / 4)`; a negative B sharpens.

    Parameters
    ----------
    map_
        `(..., nz, ny, nx)`.
    """
    n = max(map_.shape[-3:])
    g = torch.arange(n + 1, dtype=torch.float64) / (n * pixel_size_A)
    return weighted(map_, torch.exp(-b_factor_A2 / 4 * g**2))


def fsc_weight(fsc: Tensor) -> Tensor:
    """Weight `sqrt(2 FSC / (1 + FSC))` of each shell of the sum of two half maps.

    It is the correlation to expect between the sum and the noise-free map (Rosenthal and Henderson
    2003); 0 from the first shell on that is not positive, mean aside.
    """
    weight = (2 * fsc.clamp(min=0) / (1 + fsc.clamp(min=0))).sqrt()
    weight[0] = 1.0
    return weight * torch.cumprod((weight > 0).to(weight), 0)


def sharpened(
    map_: Tensor,
    pixel_size_A: float,
    *,
    b_factor_A2: float,
    resolution_A: float,
    fsc: Tensor | None = None,
) -> Tensor:
    """The map with its B factor taken out, weighted by the FSC, and cut off at its resolution.

    Parameters
    ----------
    map_
        `(n, n, n)`.
    b_factor_A2
        That the map has, as `guinier` finds it: positive.
    resolution_A
        Beyond which nothing is kept, with a cosine edge of two shells.
    fsc
        `(n // 2 + 1,)`.
    """
    n = max(map_.shape)
    k = torch.arange(n + 1, dtype=torch.float64)
    curve = torch.exp(b_factor_A2 / 4 * (k / (n * pixel_size_A)) ** 2)
    if fsc is not None:
        weight = torch.zeros_like(curve)
        weight[: len(fsc)] = fsc_weight(fsc).to(curve)
        curve = curve * weight
    last = n * pixel_size_A / resolution_A
    edge = (1 + torch.cos(torch.pi * ((k - last) / 2).clamp(0, 1))) / 2
    return weighted(map_, curve * edge)
