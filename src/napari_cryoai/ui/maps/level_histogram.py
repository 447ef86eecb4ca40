"""Histogram of a map's densities with the level of its surface, which is dragged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QWidget

from napari_cryoai.ui.kit import theme
from napari_cryoai.ui.kit.marker_histogram import MarkerHistogram, steps
from napari_cryoai.ui.maps.session import OpenMap

BARS = 128


class LevelHistogram(MarkerHistogram):
    """Voxels by density, in logarithms: what lies above the level has the colour of the surface."""

    height_px = 90

    def __init__(self, parent: QWidget | None = None):
        tip = (
            "How many voxels have which density (logarithmic).\n"
            "Drag the marker, or use the arrow keys, to move the surface."
        )
        super().__init__("Level of the surface", tip, parent)
        self._map: OpenMap | None = None
        self._heights = np.zeros(BARS)

    def set_map(self, opened: OpenMap | None) -> None:
        """Show the densities of a map."""
        self._map = opened
        self._heights = _bars(opened) if opened is not None else np.zeros(BARS)
        self.refresh()

    def refresh(self) -> None:
        """Show the level that the map has now."""
        self.span = None if self._map is None else self._map.contour.span
        self.marker = None if self._map is None else self._map.level
        self.update()

    def draw(self, painter: QPainter, area: QRectF) -> None:
        outline = steps(self._heights, area)
        outline.prepend(area.bottomLeft())
        outline.append(area.bottomRight())
        at = self.x_of(self.marker or 0.0, area)
        shade = QColor(self._map.colour) if self._map is not None else theme.colour("primary")
        painter.setPen(Qt.PenStyle.NoPen)
        for colour, left, right in (
            (theme.colour("primary"), area.left(), at),
            (shade, at, area.right()),
        ):
            painter.setClipRect(QRectF(left, 0, max(right - left, 0), self.height()))
            painter.setBrush(colour)
            painter.drawPolygon(outline)
        painter.setClipping(False)


def _bars(opened: OpenMap) -> NDArray[np.float64]:
    """Heights from 0 to 1 of the voxels in equal steps of the span."""
    contour = opened.contour
    levels = np.linspace(*contour.span, BARS + 1)
    below = np.append(0, np.cumsum(contour.counts))
    counts = np.diff(np.interp(levels, contour.edges, below))
    heights = np.log1p(counts)
    return np.asarray(heights / max(float(heights.max()), 1.0))
