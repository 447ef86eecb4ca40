"""Sections of two maps in one image: one of them, split at a divider, or side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.layers.base import LayerLock
from numpy.typing import NDArray

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.maps.level import same_volume
from napari_cryoai.maps.sampling import values_at
from napari_cryoai.ui.kit.layer_kit import selection_kept, undisturbed
from napari_cryoai.ui.maps.layers import UNITS
from napari_cryoai.ui.maps.session import OpenMap

GAP_PX = 6
LIMITS = (-0.7, 3.5)
"""Grey values, in units of the suggested level of the first map above its solvent."""


class ComparedSlices:
    """One image layer, there while sections are compared.

    The maps may have different units: they are grey alike where they enclose the same volume.
    """

    def __init__(self, viewer: Any):
        self.viewer = viewer
        self.layer: Image | None = None

    def show(
        self, first: OpenMap, second: OpenMap, layout: str, split_A: float, second_shown: bool
    ) -> None:
        """Draw the sections where napari's slider stands, on the grid of the first map.

        Parameters
        ----------
        layout
            "flip", "swipe" or "beside".
        split_A
            The divider's place along the horizontal axis, in space.
        second_shown
            Which of the two "flip" shows.
        """
        dims, grid = self.viewer.dims, first.density
        if dims.ndim != 3:
            return
        across, *_, along = dims.order[-3:]
        index = _index(grid, across, float(dims.point[across]))
        level = first.contour.suggested
        levels = (level, same_volume(level, first.contour, second.contour))
        sections = [
            section(opened, grid, across, index, level)
            for opened, level in zip((first, second), levels, strict=True)
        ]
        split = float((split_A - grid.origin_A[along]) / grid.pixel_size_A)
        pixels = compose(sections, layout, along, split, second_shown)
        origin = np.array(grid.origin_A)
        origin[across] += index * grid.pixel_size_A
        self._draw(pixels, origin, grid.pixel_size_A)

    def remove(self) -> None:
        """Take the image away."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            with selection_kept(self.viewer):
                self.viewer.layers.remove(layer)

    def _draw(self, pixels: NDArray[np.float32], origin: Any, pixel_size_A: float) -> None:
        if self.layer is None or self.layer not in self.viewer.layers:
            self.layer = Image(
                pixels,
                name="Compared slices",
                colormap="gray",
                contrast_limits=LIMITS,
                interpolation2d="linear",
                scale=(pixel_size_A,) * 3,
                translate=origin,
                units=UNITS,
            )
            self.layer.locked = LayerLock.DELETION
            with selection_kept(self.viewer):
                self.viewer.add_layer(self.layer)
            return
        with undisturbed(self.viewer):
            self.layer.data = pixels
            self.layer.translate = origin


def section(
    opened: OpenMap, grid: DensityMap, across: int, index: int, level: float
) -> NDArray[np.float32]:
    """One plane of a map on a grid, one voxel thick, in units of a level above its solvent."""
    density = opened.density
    cut: list[Any] = [slice(None)] * 3
    cut[across] = slice(index, index + 1)
    if density.shape == grid.shape and np.allclose(density.origin_A, grid.origin_A):
        values = density.data[tuple(cut)]
    else:
        shape = [1 if axis == across else n for axis, n in enumerate(grid.shape)]
        places = np.indices(shape, float).reshape(3, -1).T
        places[:, across] += index
        values = values_at(density, grid.world_of(places)).reshape(shape)
    background = opened.contour.background
    scale = level - background
    return np.asarray((values - background) / (scale if abs(scale) > 1e-30 else 1.0), np.float32)


def compose(
    sections: list[NDArray[np.float32]],
    layout: str,
    along: int,
    split: float,
    second_shown: bool,
) -> NDArray[np.float32]:
    """Two planes in one image.

    Parameters
    ----------
    sections
        Two of the same shape.
    along
        The axis that runs from left to right.
    split
        Index along it from which on the second is shown.
    """
    first, second = sections
    if layout == "flip":
        return second if second_shown else first
    n = first.shape[along]
    if layout == "swipe":
        at = int(np.clip(np.ceil(split), 0, n))
        parts = (first.take(range(at), along), second.take(range(at, n), along))
        return np.concatenate(parts, along)
    gap = list(first.shape)
    gap[along] = GAP_PX
    return np.concatenate([first, np.full(gap, LIMITS[0], np.float32), second], along)


def _index(grid: DensityMap, axis: int, world_A: float) -> int:
    index = round((world_A - grid.origin_A[axis]) / grid.pixel_size_A)
    return min(max(index, 0), grid.shape[axis] - 1)
