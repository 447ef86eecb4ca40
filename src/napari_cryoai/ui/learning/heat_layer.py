"""Where the picker expects particles, as a warm glow over the micrograph."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.layers.base import LayerLock
from napari.utils.colormaps import Colormap
from numpy.typing import NDArray

from napari_cryoai.ui.kit.layer_kit import put
from napari_cryoai.ui.micrographs.layers import PickLayers

STRIDE = 4
"""Prepared pixels per cell; as `picking.network.STRIDE`, which is not read without torch."""

# From clear over ember to pale yellow: even in lightness, so that it reads without colours too.
WARM = Colormap(
    [
        [0.45, 0.02, 0.05, 0.00],
        [0.60, 0.06, 0.05, 0.28],
        [0.86, 0.25, 0.05, 0.55],
        [0.98, 0.60, 0.10, 0.72],
        [1.00, 0.93, 0.55, 0.85],
    ],
    name="cryoai-warm",
    display_name="Probability",
    controls=[0.0, 0.15, 0.45, 0.75, 1.0],
)


class HeatLayer:
    """The layer of probabilities; it appears when it is first wanted."""

    def __init__(self, layers: PickLayers):
        self._layers = layers
        self.layer: Image | None = None

    def draw(self, heat: NDArray[np.float32], zoom: NDArray[np.float64]) -> None:
        """Show a heat map over the micrograph on screen.

        Parameters
        ----------
        heat
            `(h, w)` probabilities in cells of `STRIDE` prepared pixels.
        zoom
            `(2,)` pixels of the micrograph per prepared pixel.
        """
        layer = self._make(heat)
        if layer.data is not heat:
            layer.data = heat
        points = self._layers.points
        if points is not None:
            scale, translate = placed(zoom, points.scale)
            put(layer, scale=scale, translate=translate)
            if layer.units != points.units:
                layer.units = points.units
        layer.visible = True

    def clear(self) -> None:
        """Draw nothing."""
        if self.layer is not None:
            self.layer.visible = False

    def remove(self) -> None:
        """Take the layer away, as the panel goes."""
        viewer, layer = self._layers.viewer, self.layer
        self.layer = None
        if layer is not None and layer in viewer.layers:
            layer.locked = LayerLock(0)
            viewer.layers.remove(layer)

    def _make(self, heat: NDArray[np.float32]) -> Image:
        viewer: Any = self._layers.viewer
        if self.layer is not None and self.layer in viewer.layers:
            return self.layer
        self.layer = Image(
            heat,
            name="Probability",
            colormap=WARM,
            contrast_limits=(0.0, 1.0),
            blending="translucent",
            interpolation2d="gaussian",
            units=None if self._layers.points is None else self._layers.points.units,
            metadata={"cryoai": {"role": "heat"}},
        )
        self.layer.locked = LayerLock.DELETION
        active = viewer.layers.selection.active
        viewer.add_layer(self.layer)
        above = self._layers.points
        if above is not None and above in viewer.layers:
            viewer.layers.move(viewer.layers.index(self.layer), viewer.layers.index(above))
        viewer.layers.selection.active = active
        return self.layer


def placed(
    zoom: NDArray[np.float64], pixel: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Scale and translation of the layer whose cells have their middles where they belong.

    Parameters
    ----------
    zoom
        `(2,)` pixels of the micrograph per prepared pixel.
    pixel
        `(2,)` size of a pixel of the micrograph in the world.
    """
    cell = STRIDE * zoom
    return cell * pixel, (cell - 1) / 2 * pixel
