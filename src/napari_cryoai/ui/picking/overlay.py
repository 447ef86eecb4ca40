"""Matched, missed and false picks of the current micrograph: three shapes in three colours."""

from __future__ import annotations

import numpy as np
from napari.layers import Points
from napari.layers.base import LayerLock

from napari_cryoai.core.picks import PickTable
from napari_cryoai.picking.evaluate import Comparison
from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.micrographs.layers import PickLayers


class Overlay:
    """The layer of matched, missed and false picks of the current micrograph."""

    STYLES = (
        ("matched", theme.MATCHED, "disc"),
        ("missed", theme.MISSED, "square"),
        ("false", theme.FALSE, "x"),
    )

    def __init__(self, layers: PickLayers):
        self._layers = layers
        self.layer: Points | None = None

    def draw(self, picks: PickTable, reference: PickTable, c: Comparison) -> None:
        """Show which picks of the current micrograph are right; three shapes, three colours."""
        name = self._layers.session.current or ""
        groups = (picks.select(c.matched), reference.select(c.missed), picks.select(c.false))
        yx = [group.of(name).yx_px for group in groups]
        colours = np.repeat([style[1] for style in self.STYLES], [len(p) for p in yx])
        symbols = np.repeat([style[2] for style in self.STYLES], [len(p) for p in yx])
        layer = self._make()
        layer.data = np.concatenate(yx)
        if len(layer.data):
            layer.size = self._layers.circle_px() * 0.55
            layer.border_color = colours
            layer.symbol = symbols
        layer.visible = True

    def clear(self) -> None:
        """Draw nothing."""
        if self.layer is not None and self.layer in self._layers.viewer.layers:
            self.layer.visible = False

    def _make(self) -> Points:
        viewer, points = self._layers.viewer, self._layers.points
        if self.layer is None or self.layer not in viewer.layers:
            active = viewer.layers.selection.active
            self.layer = Points(
                np.empty((0, 2)),
                ndim=2,
                name="Comparison",
                face_color="transparent",
                border_width=0.12,
                units=points.units if points else None,
            )
            self.layer.locked = LayerLock.DELETION
            viewer.add_layer(self.layer)
            viewer.layers.selection.active = active
        if points is not None:
            self.layer.scale, self.layer.units = points.scale, points.units
        return self.layer


def legend() -> str:
    signs = (
        ("○", "matched", theme.MATCHED),
        ("□", "missed", theme.MISSED),
        ("✕", "false", theme.FALSE),
    )
    return "&nbsp;&nbsp;".join(f"<span style='color:{c}'>{s}</span> {w}" for s, w, c in signs)
