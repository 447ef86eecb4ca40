"""Maps as the backbone networks see them: on a grid of 1 A, on one scale."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_cryoai.physics.gaussian import blurred

PIXEL_A = 1.0
"""Of the networks' grid."""

AROUND_PX = 5.0
"""Standard deviation of the Gaussian in which mean and contrast are taken."""

FAINT = 0.2
"""Contrast, of the highest in the map, below which a place is not shown at full contrast."""


def standardise(density: Tensor) -> Tensor:
    """Density on two scales: that of the whole map, and that of each place.

    Parameters
    ----------
    density
        `(d, h, w)` on the networks' grid, in any unit.

    Returns
    -------
    seen
        `(2, d, h, w)`: over the highest local standard deviation of the map; and less the local
        mean, over the local standard deviation, so that weak parts are seen as well.
    """
    mean = blurred(density, AROUND_PX)
    variance = (blurred(density.square(), AROUND_PX) - mean.square()).clamp(min=0)
    highest = variance.max().sqrt().clamp(min=1e-12)
    local = (variance + (FAINT * highest) ** 2).sqrt()
    return torch.stack([density / highest, (density - mean) / local])
