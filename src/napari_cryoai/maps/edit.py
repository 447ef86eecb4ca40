"""Changes to a map's hand and box; what stays in the map stays where it lies in space."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap, check_same_grid
from napari_cryoai.core.errors import CryoAIError

Triple = tuple[int, int, int]
MAX_SIDE_PX = 2048


@dataclass(frozen=True)
class Box:
    """A part of a map's grid, or more than it has.

    Attributes
    ----------
    first
        `(z, y, x)` of the first voxel, in voxels of the map; negative outside it.
    shape
        `(nz, ny, nx)`.
    """

    first: Triple
    shape: Triple


def flip_hand(density: DensityMap) -> DensityMap:
    """The mirror image of a map.

    It is mirrored in the plane of voxels `z = nz // 2`, which holds the centre that particles are
    turned around: symmetry axes stay where they are. Twice gives back the map, voxel by voxel.
    """
    mirrored = density.data[::-1]
    if len(mirrored) % 2 == 0:  # plane 0 has no partner; in a periodic box it is its own
        mirrored = np.roll(mirrored, 1, 0)
    return density.with_data(np.ascontiguousarray(mirrored))


def in_box(density: DensityMap, box: Box, *, fill: float = 0.0) -> DensityMap:
    """Cut a map, pad it, or both.

    Parameters
    ----------
    box
        What to keep.
    fill
        Value of voxels that the map does not have: its solvent's.

    Raises
    ------
    CryoAIError
        If nothing of the map would be left, or the box is absurd.
    """
    if min(box.shape) < 1 or max(box.shape) > MAX_SIDE_PX:
        sides = " x ".join(str(n) for n in reversed(box.shape))
        raise CryoAIError(
            f"a box of {sides} voxels cannot be made", remedy=f"Choose 1 to {MAX_SIDE_PX} voxels"
        )
    ours, theirs = [], []
    for first, n, there in zip(box.first, box.shape, density.shape, strict=True):
        low, high = max(first, 0), min(first + n, there)
        if low >= high:
            raise CryoAIError(
                "nothing of the map lies in that box", remedy="Choose a box that overlaps the map"
            )
        ours.append(slice(low, high))
        theirs.append(slice(low - first, high - first))
    data = np.full(box.shape, fill, np.float32)
    data[tuple(theirs)] = density.data[tuple(ours)]
    return replace(density, data=data, origin_A=_triple(density.world_of(np.array([box.first]))[0]))


def centred_box(shape: Triple, side_px: int) -> Box:
    """A cube of a side about the centre `n // 2` of a box, which stays its centre."""
    z, y, x = (n // 2 - side_px // 2 for n in shape)
    return Box((z, y, x), (side_px,) * 3)


def box_around(mask: DensityMap, *, margin_A: float = 0.0, cubic: bool = True) -> Box:
    """The box that holds what a mask leaves of a map.

    Parameters
    ----------
    mask
        From 0 to 1; what is above 0 counts.
    margin_A
        Added on all sides.
    cubic
        A cube of an even side, as refinement programs want it, about the middle of the mask; moved
        into the map where it would reach beyond, and larger than the map only if it must.

    Raises
    ------
    CryoAIError
        If the mask is empty.
    """
    margin = math.ceil(margin_A / mask.pixel_size_A)
    spans = [_span(line, margin) for line in _lines(mask.data > 0)]
    if not cubic:
        spans = [(max(a, 0), min(b, n)) for (a, b), n in zip(spans, mask.shape, strict=True)]
        return Box(_triple_int(a for a, _ in spans), _triple_int(b - a for a, b in spans))
    side = max(b - a for a, b in spans)
    side += side % 2
    first = []
    for (a, b), n in zip(spans, mask.shape, strict=True):
        start = (a + b) // 2 - side // 2
        first.append(min(max(start, 0), n - side) if side <= n else (n - side) // 2)
    return Box(_triple_int(first), (side,) * 3)


def crop_to_mask(
    density: DensityMap, mask: DensityMap, *, margin_A: float = 0.0, fill: float = 0.0
) -> DensityMap:
    """The cube of a map that a mask lies in; its values stay as they are.

    Raises
    ------
    CryoAIError
        If the two do not lie on the same grid, or the mask is empty.
    """
    check_same_grid(density, mask, what="map and its mask")
    return in_box(density, box_around(mask, margin_A=margin_A), fill=fill)


def _lines(inside: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Along each axis, whether a plane has anything."""
    planes = np.any(inside, axis=2)
    return [np.any(planes, axis=1), np.any(planes, axis=0), np.any(inside, axis=(0, 1))]


def _span(line: NDArray[np.bool_], margin: int) -> tuple[int, int]:
    there = np.flatnonzero(line)
    if not there.size:
        raise CryoAIError("the mask is empty", remedy="Choose another mask, or a lower threshold")
    return int(there[0]) - margin, int(there[-1]) + 1 + margin


def _triple(values: NDArray[np.floating]) -> tuple[float, float, float]:
    z, y, x = (float(v) for v in values)
    return z, y, x


def _triple_int(values: Iterable[int]) -> Triple:
    z, y, x = (int(v) for v in values)
    return z, y, x
