"""Paint a region on the map at the cursor: balls where the mouse meets its surface."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from napari.layers import Surface
from napari.layers.base import LayerLock
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from napari_cryoai.core.density_map import DensityMap
from napari_cryoai.core.isosurface import isosurface
from napari_cryoai.ui.kit.layer_kit import put, selection_kept, undisturbed
from napari_cryoai.ui.maps.layers import one_colour, surface_data, surface_options

COLOUR, OPACITY = "#e3a75f", 0.5
STEPS = 200
"""That can be taken back."""
_STEP_PX = 0.5
Mask = NDArray[np.bool_]


def first_hit(
    density: DensityMap, level: float, position_A: NDArray[Any], direction: NDArray[Any]
) -> NDArray[np.float64] | None:
    """Where a line of sight meets a surface first, `(3,)` z, y, x in space; None if it does not.

    Parameters
    ----------
    position_A, direction
        `(3,)` z, y, x: any point of the line, and where it leads to.
    """
    way = np.asarray(direction, float) / np.linalg.norm(direction)
    middle = density.world_of(np.array([np.array(density.shape) / 2]))[0]
    reach = float(np.linalg.norm(density.extent_A)) / 2
    # From before the box to behind it.
    nearest = np.asarray(position_A, float) + way * ((middle - position_A) @ way)
    along = np.arange(-reach, reach, _STEP_PX * density.pixel_size_A)
    points = nearest + along[:, None] * way
    values = map_coordinates(density.data, density.index_of(points).T, order=1, cval=-np.inf)
    above = np.flatnonzero(values > level)
    return points[above[0]] if len(above) else None


def ball(density: DensityMap, centre_A: NDArray[Any], radius_A: float) -> Mask:
    """`(nz, ny, nx)` voxels within a radius of a point in space."""
    index = density.index_of(np.asarray(centre_A)[None])[0]
    mask = np.zeros(density.shape, np.bool_)
    reach = radius_A / density.pixel_size_A
    low = np.maximum(np.floor(index - reach), 0).astype(int)
    high = np.minimum(np.ceil(index + reach) + 1, density.shape).astype(int)
    if (low >= high).any():
        return mask
    cut = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(*(np.arange(c.start, c.stop) for c in cut), indexing="ij"), -1)
    mask[cut] = np.square(grid - index).sum(-1) <= reach**2
    return mask


class RegionBrush:
    """The painted region, its layer, and the mouse that paints it.

    Parameters
    ----------
    target
        The map that is painted on and its level; None while there is none.
    changed
        Called when a stroke has ended.
    """

    def __init__(
        self,
        viewer: Any,
        target: Callable[[], tuple[DensityMap, float] | None],
        changed: Callable[[], object],
    ):
        self.viewer = viewer
        self.mask: Mask | None = None
        self.layer: Surface | None = None
        self.radius_A = 8.0
        self._target, self._changed = target, changed
        self._steps: list[bytes | None] = []
        self._on = False

    @property
    def on(self) -> bool:
        """Whether the mouse paints."""
        return self._on

    def turn(self, on: bool) -> None:
        """Paint, or turn the view as ever."""
        if on == self._on:
            return
        self._on = on
        callbacks = self.viewer.mouse_drag_callbacks
        if on:
            callbacks.append(self._drag)
        elif self._drag in callbacks:
            callbacks.remove(self._drag)
        self.viewer.scene.camera.mouse_pan = not on

    def paint(self, centre_A: NDArray[Any], *, erase: bool = False) -> None:
        """Put a ball there, or take one away."""
        target = self._target()
        if target is None:
            return
        density = target[0]
        mask = np.zeros(density.shape, np.bool_) if self.mask is None else self.mask.copy()
        there = ball(density, centre_A, self.radius_A)
        self.mask = mask & ~there if erase else mask | there
        self._draw(density)

    def set(self, mask: Mask | None) -> None:
        """Another region."""
        self._remember()
        self.mask = mask
        target = self._target()
        if target is not None:
            self._draw(target[0])
        self._changed()

    def undo(self) -> None:
        """Take back the last stroke."""
        target = self._target()
        if self._steps and target is not None:
            bits, shape = self._steps.pop(), target[0].shape
            unpacked = None
            if bits is not None:
                flat = np.unpackbits(np.frombuffer(bits, np.uint8), count=int(np.prod(shape)))
                unpacked = flat.reshape(shape).view(np.bool_)
            self.mask = unpacked
            self._draw(target[0])
            self._changed()

    @property
    def can_undo(self) -> bool:
        """Whether there is a stroke to take back."""
        return bool(self._steps)

    def forget(self) -> None:
        """Another latent space, or the panel goes."""
        self.turn(False)
        self.mask = None
        self._steps.clear()
        self._hide()

    def _remember(self) -> None:
        packed = None if self.mask is None else np.packbits(self.mask).tobytes()
        self._steps = [*self._steps[-STEPS:], packed]

    def _drag(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        self._remember()
        erase = "Alt" in event.modifiers or "Shift" in event.modifiers
        touched = self._touch(event, erase)
        yield
        while event.type == "mouse_move":
            touched |= self._touch(event, erase)
            yield
        if touched:
            self._changed()
        else:
            self._steps.pop()

    def _touch(self, event: Any, erase: bool) -> bool:
        target = self._target()
        if target is None or event.view_direction is None:
            return False
        place = first_hit(*target, np.asarray(event.position), np.asarray(event.view_direction))
        if place is None:
            return False
        self.paint(place, erase=erase)
        return True

    def _draw(self, grid: DensityMap) -> None:
        if self.mask is None or not self.mask.any():
            self._hide()
            return
        mesh = isosurface(self.mask.astype(np.float32), 0.5)
        data = surface_data(mesh, grid.shape)
        if self.layer is None or self.layer not in self.viewer.layers:
            options = surface_options("Painted region", grid, COLOUR)
            # Without depth, so that it shines through the map that it lies in.
            more = {
                "opacity": OPACITY,
                "blending": "translucent_no_depth",
                "colormap": one_colour(COLOUR),
            }
            self.layer = Surface(data, **(options | more))
            self.layer.locked = LayerLock.DELETION
            with selection_kept(self.viewer):
                self.viewer.add_layer(self.layer)
            return
        with undisturbed(self.viewer):
            self.layer.data = data
            put(self.layer, scale=[grid.pixel_size_A] * 3)

    def _hide(self) -> None:
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
