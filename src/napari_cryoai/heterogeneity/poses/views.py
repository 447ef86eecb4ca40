"""Views of a map, read off a fine table: what a search of many orientations can afford.

The transform is sampled four times as finely as the box alone would tell, and the nearest sample
is taken. That is wrong by 7 per cent for a map that fills two thirds of its box, and several times
faster than linear interpolation, which is wrong by 2. The last poses are not found with it.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from napari_cryoai.physics.fourier import resize_fourier, to_fourier, to_real
from napari_cryoai.physics.slices import in_half_space, on_slices

FINENESS = 4


class ViewTable:
    """A map's transform up to a radius.

    Parameters
    ----------
    map_
        `(n, n, n)`.
    radius
        Of the last shell that will be asked for.
    """

    def __init__(self, map_: Tensor, radius: int):
        n, reach = map_.shape[-1], (radius + 1) * FINENESS
        small = min(n, 2 * (radius + 3))  # voxels as large as the radius allows
        low = resize_fourier(to_fourier(map_, 3), map_.shape, (small,) * 3) * (n / small) ** 3
        before = FINENESS * small // 2 - small // 2
        after = (FINENESS - 1) * small - before
        padded = functional.pad(to_real(low, (small,) * 3), (before, after) * 3)
        axis = torch.arange(-reach, reach + 1, device=map_.device)
        rows = axis % (FINENESS * small)
        columns = axis[reach:].clamp(max=FINENESS * small // 2)
        fine = to_fourier(padded, 3)[rows[:, None, None], rows[:, None], columns]
        self.table, self.reach = fine.flatten(), reach

    def at(self, rotations: Tensor, xy: Tensor) -> Tensor:
        """Values `(m, k)` as `FourierVolume.at` has them."""
        where, is_mirrored = in_half_space(on_slices(rotations, xy * FINENESS))
        x, y, z = where.round_().to(torch.int32)
        side = 2 * self.reach + 1
        index = ((z + self.reach) * side + y + self.reach) * (self.reach + 1) + x
        found = self.table.index_select(0, index.flatten()).reshape(index.shape)
        return torch.where(is_mirrored, found.conj(), found)
