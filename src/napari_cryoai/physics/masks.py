"""Soft masks: a sphere, the envelope of a map, or the surroundings of an atomic model."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_cryoai.core.errors import CryoAIError
from napari_cryoai.physics.radial import low_pass

LOW_PASS_A, DILATE_A, EDGE_A = 15.0, 6.0, 9.0
"""What a mask around a map is made with, if nothing else is said."""


def sphere(
    shape: Sequence[int], radius_px: float, edge_px: float, *, device: torch.device | None = None
) -> Tensor:
    """Soft ball around the centre of a box, or disc around that of an image.

    Parameters
    ----------
    shape
        `(nz, ny, nx)` or `(ny, nx)`.
    radius_px
        Up to which the mask is 1.
    edge_px
        Width of the fall to 0, a half period of a cosine.

    Returns
    -------
    mask
        Of that shape, float32.
    """
    squared = torch.zeros((), device=device)
    for axis, n in enumerate(shape):
        index = torch.arange(n, dtype=torch.float32, device=device) - n // 2
        squared = squared + (index**2).reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return _fall(squared.sqrt() - radius_px, edge_px)


def mask_of_map(
    map_: Tensor,
    pixel_size_A: float,
    *,
    threshold: float | None = None,
    low_pass_A: float = LOW_PASS_A,
    dilate_A: float = DILATE_A,
    edge_A: float = EDGE_A,
    fill_holes: bool = False,
) -> Tensor:
    """Soft mask around the density of a map.

    The map is low-passed, what is above the threshold is kept but for specks (regions of less than
    a tenth of the largest one), widened, and given a soft edge.

    Parameters
    ----------
    map_
        `(nz, ny, nx)`, density positive.
    threshold
        Of the low-passed map, in its units; found by `threshold_of` if not given.
    low_pass_A
        Frequencies beyond `1 / low_pass_A` are cut off, softly.
    dilate_A
        How far beyond the threshold the mask is 1.
    edge_A
        Width of its fall to 0.
    fill_holes
        Whether cavities that are closed after widening belong to it.

    Returns
    -------
    mask
        Like `map_`, float32, from 0 to 1.

    Raises
    ------
    CryoAIError
        If nothing lies above the threshold.
    """
    smooth = low_pass(map_, pixel_size_A, low_pass_A)
    level = threshold_of(smooth) if threshold is None else threshold
    inside = _without_specks((smooth > level).cpu().numpy())
    if not inside.any():
        raise CryoAIError(
            f"no density lies above {level:.4g} in the map low-passed to {low_pass_A:g} A",
            remedy="Give a lower threshold",
        )
    return _grown(inside, pixel_size_A, dilate_A, edge_A, fill_holes).to(map_.device)


def mask_of_model(
    zyx_A: Tensor,
    shape: Sequence[int],
    pixel_size_A: float,
    *,
    radius_A: float = 3.0,
    edge_A: float = EDGE_A,
) -> Tensor:
    """Soft mask around atoms.

    Parameters
    ----------
    zyx_A
        `(n, 3)` positions relative to voxel `(0, 0, 0)` of the map: world minus its origin.
    shape
        `(nz, ny, nx)` of the map.
    radius_A
        Distance from an atom up to which the mask is 1, to the nearest voxel.
    edge_A
        Width of its fall to 0.

    Raises
    ------
    CryoAIError
        If no atom lies in the box.
    """
    index = (zyx_A.detach().cpu().double().numpy() / pixel_size_A).round().astype(np.int64)
    index = index[((index >= 0) & (index < np.array(shape))).all(1)]
    if not len(index):
        raise CryoAIError(
            "no atom of the model lies in the box of the map",
            remedy="Check the origin and the pixel size in the header of the map",
        )
    inside = np.zeros(tuple(shape), np.bool_)
    inside[tuple(index.T)] = True
    return _grown(inside, pixel_size_A, radius_A, edge_A).to(zyx_A.device)


def threshold_of(smooth: Tensor) -> float:
    """Level between solvent and molecule in a low-passed map.

    The solvent is what varies about the map's most frequent value: its standard deviation is taken
    from the values below that one, where there is no molecule, and the level is four of them above
    it; but not above a quarter of the way to the map's highest values (99.9 %), which matters for
    maps whose solvent is flat or set to 0.
    """
    values = smooth.detach().flatten()[:: max(1, smooth.numel() // 2_000_000)].cpu().double()
    low, high = torch.quantile(values[:: max(1, values.numel() // 500_000)], _ENDS.to(values))
    counts = torch.histc(values, 200, float(low), float(high))
    mode = float(low + (high - low) * (int(counts.argmax()) + 0.5) / 200)
    below = values[values <= mode] - mode
    spread = math.sqrt(float((below**2).mean())) if below.numel() else 0.0
    return mode + min(4 * spread, 0.25 * (float(high) - mode))


_ENDS = torch.tensor([0.001, 0.999])


def _fall(distance: Tensor, width: float) -> Tensor:
    """1 up to a distance of 0, from there along a cosine to 0 at `width`."""
    if width <= 0:
        return (distance <= 0).float()
    return (1 + torch.cos(math.pi * (distance / width).clamp(0, 1))) / 2


def _grown(
    inside: NDArray[np.bool_],
    pixel_size_A: float,
    dilate_A: float,
    edge_A: float,
    fill_holes: bool = False,
) -> Tensor:
    from scipy.ndimage import binary_fill_holes, distance_transform_edt  # slow to import

    distance = torch.from_numpy(distance_transform_edt(~inside).astype(np.float32)) * pixel_size_A
    mask = _fall(distance - dilate_A, edge_A)
    if fill_holes:
        mask[torch.from_numpy(binary_fill_holes((distance <= dilate_A).numpy()))] = 1.0
    return mask


def _without_specks(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy.ndimage import label

    labels, count = label(inside)
    if count < 2:
        return inside
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return (sizes >= sizes.max() / 10)[labels]
