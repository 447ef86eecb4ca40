"""The B-factor that a model has, were it the same for all atoms."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.structure import Structure
from napari_cryoai.maps.agreement import atom_mask, correlation, model_map
from napari_cryoai.maps.placement import inside_map
from napari_cryoai.physics.fourier import squared_frequency, to_fourier, to_real

TRIED_A2 = (0.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0, 125.0, 150.0, 200.0, 250.0, 300.0)
_SHARPEST_A2 = 20.0


def with_one_b_factor(
    structure: Structure, density: DensityMap, resolution_A: float
) -> tuple[Structure, float]:
    """The structure with one B-factor for all atoms, at which it agrees best with a map.

    For models whose column of B-factors holds something else, such as a confidence.

    Parameters
    ----------
    structure
        In the frame of the map.
    resolution_A
        Where the model's map is cut off.

    Returns
    -------
    structure
        With that B-factor.
    b_factor_A2
        The one of `TRIED_A2` with the highest correlation in the mask around the atoms.

    Raises
    ------
    CryoAIError
        If no atom lies in the map.
    """
    within = structure.select(inside_map(structure, density))
    inside = torch.from_numpy(atom_mask(within, density))
    sharp = model_map(_with(within, _SHARPEST_A2), density)
    target = torch.from_numpy(density.data)[inside]
    transform = to_fourier(sharp, 3)
    squared = squared_frequency(sharp.shape, density.pixel_size_A)
    transform = transform * (squared <= 1 / resolution_A**2)
    best, b_factor_A2 = -np.inf, _SHARPEST_A2
    for tried in TRIED_A2:
        blur = torch.exp(-(tried - _SHARPEST_A2) * squared / 4)
        found = correlation(target, _inside(transform * blur, sharp, inside))
        if found is not None and found > best:
            best, b_factor_A2 = found, tried
    return _with(structure, b_factor_A2), b_factor_A2


def _inside(transform: Tensor, like: Tensor, inside: Tensor) -> Tensor:
    return to_real(transform, like.shape)[inside]


def _with(structure: Structure, b_factor_A2: float) -> Structure:
    return replace(structure, b_factors_A2=np.full(len(structure), b_factor_A2))
