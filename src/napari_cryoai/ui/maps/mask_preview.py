"""A mask on the canvas while it is being made: clear enough to see the map through it."""

from __future__ import annotations

from typing import Any

from napari.layers import Surface
from napari.layers.base import LayerLock

from napari_cryoai.ui.kit.layer_kit import put, selection_kept, undisturbed
from napari_cryoai.ui.maps.layers import one_colour, surface_data, surface_options
from napari_cryoai.ui.maps.mask_work import Outline

COLOUR, OPACITY = "#e3a75f", 0.35


class MaskPreview:
    """One surface layer, there while a mask is previewed."""

    def __init__(self, viewer: Any):
        self.viewer = viewer
        self.layer: Surface | None = None

    def show(self, outline: Outline) -> None:
        """Draw a mask."""
        data = surface_data(outline.mesh, outline.grid.shape)
        options = surface_options("Mask preview", outline.grid, COLOUR)
        if self.layer is None or self.layer not in self.viewer.layers:
            more = {"opacity": OPACITY, "blending": "translucent", "colormap": one_colour(COLOUR)}
            self.layer = Surface(data, **(options | more))
            self.layer.locked = LayerLock.DELETION
            with selection_kept(self.viewer):
                self.viewer.add_layer(self.layer)
            return
        with undisturbed(self.viewer):
            self.layer.data = data
            put(self.layer, scale=options["scale"], translate=options["translate"])

    def hide(self) -> None:
        """Take it away."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)
